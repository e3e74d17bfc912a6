// zmq::poller_t and zmq::active_poller_t of cppzmq on our library. The stock library of the distributions has no
// pollers, so there is nothing to compare with: every check is written down here.
#define ZMQ_BUILD_DRAFT_API 1
#include <zmq.hpp>
#include <zmq_addon.hpp>

#include <chrono>
#include <iostream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#ifndef ZMQ_HAVE_POLLER
#error "zmq.h says that there are no pollers"
#endif

using namespace std::chrono_literals;
using zmq::event_flags;

namespace {

int checks, failures;

void check(bool good, const char *what, int line)
{
    checks++;
    if (!good) {
        failures++;
        std::cout << "line " << line << ": " << what << std::endl;
    }
}

#define CHECK(condition) check((condition), #condition, __LINE__)

// The errno of the error that a call throws; 0 if it throws none.
template<class Call> int thrown(Call call)
{
    try {
        call();
        return 0;
    } catch (const zmq::error_t &error) {
        return error.num();
    }
}

struct Pair
{
    zmq::socket_t server, client;

    Pair(zmq::context_t &context, zmq::socket_type one, zmq::socket_type other,
         const std::string &endpoint)
        : server(context, one), client(context, other)
    {
        server.bind(endpoint);
        client.connect(server.get(zmq::sockopt::last_endpoint));
    }
};

void send(zmq::socket_t &socket, const char *text)
{
    CHECK(socket.send(zmq::buffer(std::string(text)), zmq::send_flags::none).has_value());
}

std::string receive(zmq::socket_ref socket)
{
    zmq::message_t message;
    CHECK(socket.recv(message).has_value());
    return message.to_string();
}

// Add, modify, remove, and what they refuse.
void registration(zmq::context_t &context)
{
    zmq::poller_t<> poller;
    zmq::socket_t socket(context, zmq::socket_type::router), other(context, zmq::socket_type::pull);
    CHECK(poller.size() == 0);
    poller.add(socket, event_flags::pollin);
    CHECK(poller.size() == 1);
    CHECK(thrown([&] { poller.add(socket, event_flags::pollin); }) == EINVAL);
    CHECK(thrown([&] { poller.modify(other, event_flags::pollin); }) == EINVAL);
    CHECK(thrown([&] { poller.remove(other); }) == EINVAL);
    CHECK(thrown([&] { poller.add(zmq::socket_ref(), event_flags::pollin); }) == ENOTSOCK);
    CHECK(thrown([&] { poller.modify(zmq::socket_ref(), event_flags::pollin); }) == ENOTSOCK);
    CHECK(thrown([&] { poller.remove(zmq::socket_ref()); }) == ENOTSOCK);
    CHECK(thrown([&] { poller.add(other, static_cast<event_flags>(1 << 7)); }) == EINVAL);
    poller.modify(socket, event_flags::pollin | event_flags::pollout);
    poller.remove(socket);
    CHECK(poller.size() == 0);
    // A poller that is moved keeps what it watches.
    poller.add(socket, event_flags::none);
    zmq::poller_t<> moved = std::move(poller);
    CHECK(moved.size() == 1);
}

// Waiting: order, room, time, user data.
void waiting(zmq::context_t &context)
{
    Pair one(context, zmq::socket_type::pull, zmq::socket_type::push, "tcp://127.0.0.1:*");
    Pair two(context, zmq::socket_type::pair, zmq::socket_type::pair, "inproc://two");
    std::string first = "first", second = "second";
    zmq::poller_t<std::string> poller;
    poller.add(one.server, event_flags::pollin, &first);
    poller.add(two.server, event_flags::pollin, &second);
    std::vector<zmq::poller_event<std::string>> events(3);
    auto begin = std::chrono::steady_clock::now();
    CHECK(poller.wait_all(events, 30ms) == 0);
    CHECK(std::chrono::steady_clock::now() - begin >= 30ms);
    CHECK(events[0].socket == nullptr && events[0].user_data == nullptr
          && events[0].events == event_flags::none);
    send(one.client, "1");
    CHECK(poller.wait_all(events, -1ms) == 1);
    CHECK(events[0].socket == one.server && events[0].user_data == &first
          && events[0].events == event_flags::pollin);
    send(two.client, "2");
    CHECK(poller.wait_all(events, -1ms) == 2);
    CHECK(events[1].user_data == &second && events[2].socket == nullptr);
    events.resize(1);
    CHECK(poller.wait_all(events, -1ms) == 1 && events[0].user_data == &first);
    CHECK(receive(one.server) == "1");
    CHECK(poller.wait_all(events, -1ms) == 1 && events[0].user_data == &second);
    poller.modify(two.server, event_flags::pollout);
    CHECK(poller.wait_all(events, 0ms) == 1 && events[0].events == event_flags::pollout);
    poller.modify(two.server, event_flags::pollin | event_flags::pollout);
    CHECK(poller.wait_all(events, 0ms) == 1
          && events[0].events == (event_flags::pollin | event_flags::pollout));
    poller.remove(two.server);
    CHECK(poller.wait_all(events, 0ms) == 0);
}

// Nothing to wait for without a time limit would be for ever.
void nothing(zmq::context_t &context)
{
    zmq::poller_t<> poller;
    std::vector<zmq::poller_event<>> events(1);
    CHECK(thrown([&] { poller.wait_all(events, -1ms); }) == EFAULT);
    CHECK(poller.wait_all(events, 0ms) == 0);
    zmq::socket_t socket(context, zmq::socket_type::pull);
    poller.add(socket, event_flags::none);
    CHECK(thrown([&] { poller.wait_all(events, -1ms); }) == EFAULT);
    std::vector<zmq::poller_event<>> none;
    CHECK(thrown([&] { poller.wait_all(none, 0ms); }) == EFAULT);
}

// Handlers are called with what can be done, may change the poller, and may leave by an exception.
void handlers(zmq::context_t &context)
{
    Pair pair(context, zmq::socket_type::rep, zmq::socket_type::req, "ipc://*");
    zmq::active_poller_t poller;
    CHECK(poller.empty());
    int requests = 0, replies = 0;
    poller.add(pair.server, event_flags::pollin, [&](event_flags events) {
        CHECK(events == event_flags::pollin);
        receive(pair.server);
        send(pair.server, "reply");
        requests++;
    });
    poller.add(pair.client, event_flags::pollin | event_flags::pollout, [&](event_flags events) {
        if ((events & event_flags::pollin) != event_flags::none) {
            CHECK(receive(pair.client) == "reply");
            replies++;
        } else if (replies < 100) {
            send(pair.client, "request");
        } else {
            poller.modify(pair.client, event_flags::none);
        }
    });
    CHECK(poller.size() == 2);
    while (replies < 100)
        CHECK(poller.wait(10000ms) > 0);
    CHECK(requests == 100);
    CHECK(poller.wait(0ms) == 1);
    CHECK(poller.wait(20ms) == 0);
    poller.remove(pair.client);
    CHECK(thrown([&] { poller.remove(pair.client); }) == EINVAL);
    CHECK(thrown([&] { poller.add(pair.server, event_flags::pollin, [](event_flags) {}); }) == EINVAL);
    bool refused = false;
    try {
        poller.add(pair.client, event_flags::pollin, zmq::active_poller_t::handler_type());
    } catch (const std::invalid_argument &) {
        refused = true;
    }
    CHECK(refused && poller.size() == 1);
    poller.add(pair.client, event_flags::pollout,
               [&](event_flags) { throw std::runtime_error("from a handler"); });
    bool passed_on = false;
    try {
        poller.wait(10000ms);
    } catch (const std::runtime_error &) {
        passed_on = true;
    }
    CHECK(passed_on);
    zmq::active_poller_t moved = std::move(poller);
    CHECK(moved.size() == 2);
    moved.remove(pair.client);
    send(pair.client, "request");
    CHECK(moved.wait(10000ms) == 1 && requests == 101);
}

// One thread waits for many senders.
void many(zmq::context_t &context)
{
    constexpr int COUNT = 20, MESSAGES = 500;
    std::vector<std::unique_ptr<Pair>> pairs;
    std::vector<int> received(COUNT);
    zmq::active_poller_t poller;
    for (int i = 0; i < COUNT; i++) {
        const char *endpoint = i % 3 == 0 ? "tcp://127.0.0.1:*" : i % 3 == 1 ? "ipc://*" : nullptr;
        pairs.push_back(std::make_unique<Pair>(
            context, zmq::socket_type::pull, zmq::socket_type::push,
            endpoint ? endpoint : "inproc://many-" + std::to_string(i)));
        zmq::socket_ref server = pairs.back()->server;
        int *count = &received[i];
        poller.add(server, event_flags::pollin, [server, count](event_flags) {
            CHECK(receive(server) == std::to_string((*count)++));
        });
    }
    std::vector<std::thread> senders;
    for (auto &pair : pairs)
        senders.emplace_back([&pair] {
            for (int i = 0; i < MESSAGES; i++)
                pair->client.send(zmq::buffer(std::to_string(i)), zmq::send_flags::none);
        });
    for (int all = 0; all < COUNT * MESSAGES;) {
        size_t count = poller.wait(10000ms);
        CHECK(count > 0);
        if (count == 0)
            break;
        all += static_cast<int>(count);
    }
    for (auto &sender : senders)
        sender.join();
    for (int count : received)
        CHECK(count == MESSAGES);
}

void termination()
{
    zmq::context_t context;
    zmq::socket_t socket(context, zmq::socket_type::pull);
    zmq::poller_t<> poller;
    poller.add(socket, event_flags::pollin);
    std::vector<zmq::poller_event<>> events(1);
    std::thread stops([&] {
        zmq_poll(nullptr, 0, 20);
        context.shutdown();
    });
    CHECK(thrown([&] { poller.wait_all(events, -1ms); }) == ETERM);
    stops.join();
    poller.remove(socket);
}

} // namespace

int main()
{
    {
        zmq::context_t context;
        registration(context);
        waiting(context);
        nothing(context);
        handlers(context);
        many(context);
    }
    termination();
    std::cout << "cppzmq " << CPPZMQ_VERSION_MAJOR << '.' << CPPZMQ_VERSION_MINOR << '.'
              << CPPZMQ_VERSION_PATCH << " pollers: " << checks << " checks, " << failures
              << " failed" << std::endl;
    return failures != 0;
}
