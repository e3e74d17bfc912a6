//! Programs, in what C and C++ of all ages have in common, that compile only if the header is as the contract says.

use super::contract::{Constant, Function};

/// A program that asserts the value of every constant, and how many rows that were. Compiling it checks numbers and
/// layouts, running it the texts.
pub fn of_constants(rows: &[Constant], draft: bool) -> (String, usize) {
    let mut text = String::from(
        "#include <zmq.h>\n#include <stddef.h>\n#include <string.h>\n#include <sys/uio.h>\n\
         #define ASSERT(line, condition) typedef char assertion_##line[(condition) ? 1 : -1]\n\
         #define ALIGNMENT(type) offsetof(struct { char c; type t; }, t)\n",
    );
    let mut texts = String::new();
    let mut asserted = 0;
    for (line, row) in rows.iter().enumerate() {
        let absent = row.draft && !draft;
        let name = &row.name;
        if row.group == "layout" {
            let Some(conditions) = layout(name) else {
                continue;
            };
            if absent {
                // An identifier that is free can be used for something else.
                text += &format!("enum {{ {name} }};\n");
                continue;
            }
            for (part, condition) in conditions.iter().enumerate() {
                text += &format!("ASSERT({line}_{part}, {condition});\n");
            }
        } else if absent || row.group == "header macro" {
            text += &format!("#ifdef {name}\n#error {name} is defined\n#endif\n");
            if absent {
                continue;
            }
        } else if row.value == "(defined, empty)" {
            text += &format!("#ifndef {name}\n#error {name} is missing\n#endif\n");
        } else if row.value.starts_with('"') {
            texts += &format!(
                "    if (strcmp({name} \"\", {}) != 0) return 1;\n",
                row.value
            );
        } else if name.contains('(') {
            text += &format!("ASSERT({line}, ZMQ_MAKE_VERSION(4, 3, 6) == 40306);\n");
            text += "#if ZMQ_MAKE_VERSION(1 + 1, 3 + 4, 5 + 6) != 20711\n#error ZMQ_MAKE_VERSION\n#endif\n";
        } else {
            let value = &row.value;
            // Programs ask for it with #ifdef and compare it in #if.
            text += &format!("#ifndef {name}\n#error {name} is missing\n#endif\n");
            text += &format!("#if {name} != {value}\n#error {name} is not {value}\n#endif\n");
            text += &format!("ASSERT({line}, {name} == {value});\n");
        }
        asserted += 1;
    }
    text += &format!("int main(void)\n{{\n{texts}    return 0;\n}}\n");
    (text, asserted)
}

/// What `constants.tsv` says about a type in words; `None` for what is no part of the header.
fn layout(name: &str) -> Option<&'static [&'static str]> {
    Some(match name {
        "zmq_msg_t" => &["sizeof(zmq_msg_t) == 64", "sizeof(struct zmq_msg_t) == 64"],
        "zmq_pollitem_t" => &[
            "sizeof(zmq_pollitem_t) == 16",
            "offsetof(zmq_pollitem_t, socket) == 0",
            "offsetof(zmq_pollitem_t, fd) == 8",
            "offsetof(zmq_pollitem_t, events) == 12",
            "offsetof(zmq_pollitem_t, revents) == 14",
        ],
        "zmq_poller_event_t" => &[
            "sizeof(zmq_poller_event_t) == 32",
            "offsetof(zmq_poller_event_t, socket) == 0",
            "offsetof(zmq_poller_event_t, fd) == 8",
            "offsetof(zmq_poller_event_t, user_data) == 16",
            "offsetof(zmq_poller_event_t, events) == 24",
        ],
        "zmq_fd_t" => &["sizeof(zmq_fd_t) == 4", "(zmq_fd_t)-1 < 0"],
        "zmq_free_fn" => &["sizeof((zmq_free_fn *)0) == sizeof(void *)"],
        "zmq_timer_fn" => &["sizeof((zmq_timer_fn *)0) == sizeof(void *)"],
        "zmq_thread_fn" => &["sizeof((zmq_thread_fn *)0) == sizeof(void *)"],
        "struct iovec" => &[
            "sizeof(struct iovec) == 16",
            "offsetof(struct iovec, iov_base) == 0",
            "offsetof(struct iovec, iov_len) == 8",
        ],
        "monitor event v1 frame 1" | "monitor event v2 frames" => return None,
        other => panic!("constants.tsv has a type that this test does not know: {other}"),
    })
}

/// A program that assigns every function to a pointer of its signature, and how many those are. It calls none; to link
/// it needs them all.
pub fn of_functions(rows: &[Function], draft: bool) -> (String, usize) {
    let mut text = String::from(
        "#include <zmq.h>\n\
         zmq_free_fn free_fn;\nzmq_timer_fn timer_fn;\nzmq_thread_fn thread_fn;\n\
         void free_fn(void *data, void *hint) { (void)data; (void)hint; }\n\
         void timer_fn(int timer_id, void *arg) { (void)timer_id; (void)arg; }\n\
         void thread_fn(void *arg) { (void)arg; }\n",
    );
    let mut asserted = 0;
    for Function {
        name,
        returns,
        parameters,
        draft: of_draft,
    } in rows
    {
        if *of_draft && !draft {
            // An identifier that is free can be used for something else.
            text += &format!("enum {{ {name} }};\n");
            continue;
        }
        let parameters = as_pointer(name, parameters);
        text += &format!("{returns} (*check_{name}){parameters} = {name};\n");
        asserted += 1;
    }
    text += "int main(void)\n{\n    int missing = 0;\n";
    for row in rows.iter().filter(|row| draft || !row.draft) {
        text += &format!("    missing += check_{} == 0;\n", row.name);
    }
    text += "    return missing;\n}\n";
    (text, asserted)
}

/// A parameter that is a function is a pointer to it.
fn as_pointer(name: &str, parameters: &str) -> String {
    if name == "zmq_timers_add" {
        return parameters.replace("zmq_timer_fn handler", "zmq_timer_fn *handler");
    }
    parameters.to_owned()
}

/// A program in what C and C++ have in common that sends a message to itself and prints the versions of library and
/// header.
pub const VERSIONS: &str = r#"
#include <zmq.h>
#include <stdio.h>
#include <string.h>

int main(void)
{
    int major = 0, minor = 0, patch = 0;
    char buffer[8];
    void *context = zmq_ctx_new();
    void *one = zmq_socket(context, ZMQ_PAIR);
    void *other = zmq_socket(context, ZMQ_PAIR);
    zmq_msg_t message;
    zmq_pollitem_t item;

    zmq_version(&major, &minor, &patch);
    printf("library %d.%d.%d, header %d\n", major, minor, patch, ZMQ_VERSION);
    if (zmq_bind(one, "inproc://versions") != 0 || zmq_connect(other, "inproc://versions") != 0)
        return 1;
    if (zmq_send(one, "hello", 5, 0) != 5 || zmq_recv(other, buffer, sizeof buffer, 0) != 5)
        return 2;
    if (memcmp(buffer, "hello", 5) != 0)
        return 3;
    if (zmq_msg_init_size(&message, 1000) != 0 || zmq_msg_send(&message, other, 0) != 1000)
        return 4;
    memset(&item, 0, sizeof item);
    item.socket = one;
    item.events = ZMQ_POLLIN;
    if (zmq_poll(&item, 1, -1) != 1 || item.revents != ZMQ_POLLIN)
        return 5;
    if (zmq_msg_recv(&message, one, ZMQ_DONTWAIT) != 1000 || zmq_msg_close(&message) != 0)
        return 6;
    if (zmq_close(one) != 0 || zmq_close(other) != 0 || zmq_ctx_term(context) != 0)
        return 7;
    if (zmq_close(one) != -1 || zmq_errno() != ENOTSOCK)
        return 8;
    return 0;
}
"#;

/// The same over tcp, with the classes of cppzmq.
pub const CPPZMQ: &str = r#"
#include <zmq.hpp>
#include <zmq_addon.hpp>
#include <cstdio>
#include <string>

int main()
{
    zmq::context_t context;
    zmq::socket_t pull(context, zmq::socket_type::pull);
    zmq::socket_t push(context, zmq::socket_type::push);
    pull.bind("tcp://127.0.0.1:*");
    push.connect(pull.get(zmq::sockopt::last_endpoint));
    zmq::message_t large(100000);
    push.send(zmq::str_buffer("one"), zmq::send_flags::sndmore);
    push.send(large, zmq::send_flags::none);
    zmq::multipart_t received(pull);
    if (received.size() != 2 || received.popstr() != "one" || received.pop().size() != 100000)
        return 1;
    try {
        pull.connect("nonsense");
        return 2;
    } catch (const zmq::error_t &error) {
        if (error.num() != EINVAL)
            return 3;
    }
    int major, minor, patch;
    zmq::version(&major, &minor, &patch);
    std::printf("cppzmq %d.%d.%d, library %d.%d.%d\n", CPPZMQ_VERSION_MAJOR, CPPZMQ_VERSION_MINOR,
                CPPZMQ_VERSION_PATCH, major, minor, patch);
    return 0;
}
"#;
