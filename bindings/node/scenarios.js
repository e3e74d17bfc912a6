// Programs on Node's zeromq, whose event loop (libuv) watches ZMQ_FD: scenarios.js --list | NAME
// What a scenario prints is its outcome; it must not depend on chance. Run by compare.py.
"use strict";

const zmq = require("zeromq");
const { Worker, isMainThread, workerData } = require("worker_threads");

const INTERFACES = ["inproc://node", "ipc://*", "tcp://127.0.0.1:*"];
const PATIENCE = 20000; // ms, of a whole scenario

async function bound(socket, endpoint) {
  await socket.bind(endpoint);
  return socket.lastEndpoint;
}

const scenarios = {
  async request_reply() {
    for (const where of INTERFACES) {
      const server = new zmq.Reply();
      const client = new zmq.Request();
      client.connect(await bound(server, where));
      const serving = (async () => {
        for await (const [request] of server) await server.send(`${request} back`);
      })();
      for (let index = 0; index < 500; index++) {
        await client.send(`${index}`);
        const [reply] = await client.receive();
        if (reply.toString() !== `${index} back`) throw new Error(`${reply}`);
      }
      server.close();
      await serving;
      client.close();
      console.log(where);
    }
  },

  // Queues that fill up and empty, in both directions of waiting.
  async against_a_mark() {
    for (const where of INTERFACES) {
      const pull = new zmq.Pull({ receiveHighWaterMark: 5 });
      const push = new zmq.Push({ sendHighWaterMark: 5 });
      push.connect(await bound(pull, where));
      const count = 2000;
      const producing = (async () => {
        for (let index = 0; index < count; index++) await push.send(`${index}`);
      })();
      let wrong = 0;
      for (let index = 0; index < count; index++) {
        const [message] = await pull.receive();
        wrong += Number(message) !== index;
        if (index % 50 === 0) await new Promise(setImmediate);
      }
      await producing;
      push.close();
      pull.close();
      console.log(where, wrong);
    }
  },

  async subscriptions() {
    const publisher = new zmq.XPublisher({ verbosity: "allSubs" });
    const endpoint = await bound(publisher, "tcp://127.0.0.1:*");
    const subscribers = [];
    for (let number = 0; number < 10; number++) {
      const subscriber = new zmq.Subscriber();
      subscriber.connect(endpoint);
      subscriber.subscribe(`topic ${number}`);
      console.log((await publisher.receive()).toString().slice(1));
      subscribers.push(subscriber);
    }
    for (let number = 9; number >= 0; number--) await publisher.send([`topic ${number}`, "body"]);
    for (const subscriber of subscribers) {
      console.log((await subscriber.receive()).map(String));
      subscriber.close();
    }
    publisher.close();
  },

  async many_clients() {
    for (const where of INTERFACES) {
      const router = new zmq.Router();
      const endpoint = await bound(router, where);
      const serving = (async () => {
        for await (const frames of router) await router.send(frames);
      })();
      const ask = async number => {
        const dealer = new zmq.Dealer();
        dealer.connect(endpoint);
        for (let index = 0; index < 100; index++) {
          await dealer.send([`${number}`, `${index}`]);
          const got = (await dealer.receive()).map(Number);
          if (got[0] !== number || got[1] !== index) throw new Error(`${got}`);
        }
        dealer.close();
        return number;
      };
      const numbers = await Promise.all([...Array(12).keys()].map(ask));
      router.close();
      await serving;
      console.log(where, numbers.join(" "));
    }
  },

  // Bursts without a pause between the sends, in both directions of one pair.
  async bursts_both_ways() {
    for (const where of INTERFACES) {
      const left = new zmq.Pair();
      const right = new zmq.Pair();
      right.connect(await bound(left, where));
      const run = async (socket, other) => {
        for (let turn = 0; turn < 20; turn++) {
          const sends = [];
          for (let index = 0; index < 40; index++) {
            sends.push(await socket.send(`${turn} ${index}`));
          }
          for (let index = 0; index < 40; index++) {
            const [message] = await other.receive();
            if (message.toString() !== `${turn} ${index}`) throw new Error(`${message}`);
          }
        }
      };
      await Promise.all([run(left, right), run(right, left)]);
      left.close();
      right.close();
      console.log(where);
    }
  },

  async time_outs_and_refusals() {
    const pull = new zmq.Pull({ receiveTimeout: 30 });
    const endpoint = await bound(pull, "tcp://127.0.0.1:*");
    const code = call => (async () => call())().then(() => "fine", error => error.code);
    console.log(await code(() => pull.receive()));
    const push = new zmq.Push({ sendTimeout: 30 });
    console.log(await code(() => push.send("nobody there")));
    pull.receiveTimeout = PATIENCE;
    const first = pull.receive();
    console.log(await code(() => pull.receive()));
    push.connect(endpoint);
    await push.send("late");
    console.log((await first).map(String));
    const left = code(() => pull.receive());
    pull.close();
    console.log(await left);
    push.close();
    console.log(await code(() => new zmq.Reply().bind("nothing://x")),
      await code(() => new zmq.Reply().bind("tcp://x")));
    try {
      new zmq.Request().connect("tcp://127.0.0.1");
    } catch (error) {
      console.log(error.code);
    }
  },

  async events() {
    for (const where of INTERFACES.slice(1)) {
      const server = new zmq.Reply();
      const client = new zmq.Request();
      const seen = [];
      const disconnected = new Promise(resolve => server.events.on("disconnect", resolve));
      server.events.on("bind", () => seen.push("bind"));
      server.events.on("accept", () => seen.push("accept"));
      client.events.on("connect", () => seen.push("connect"));
      const shaken = new Promise(resolve => client.events.on("handshake", resolve));
      client.connect(await bound(server, where));
      await shaken;
      await client.send("x");
      await server.send(await server.receive());
      await client.receive();
      client.close();
      await disconnected;
      server.close();
      console.log(where, seen.sort());
    }
  },

  async proxied() {
    const proxy = new zmq.Proxy(new zmq.Router(), new zmq.Dealer());
    const front = await bound(proxy.frontEnd, "tcp://127.0.0.1:*");
    const back = await bound(proxy.backEnd, "ipc://*");
    const running = proxy.run();
    const server = new zmq.Reply();
    server.connect(back);
    const serving = (async () => {
      for await (const [request] of server) await server.send(`${request}!`);
    })();
    const client = new zmq.Request();
    client.connect(front);
    for (let index = 0; index < 100; index++) {
      await client.send(`${index}`);
      const [reply] = await client.receive();
      if (reply.toString() !== `${index}!`) throw new Error(`${reply}`);
    }
    proxy.terminate();
    await running;
    server.close();
    await serving;
    client.close();
    console.log("ended");
  },

  // A worker has an event loop of its own.
  async workers() {
    const pull = new zmq.Pull();
    const endpoint = await bound(pull, "ipc://*");
    const workers = [...Array(3).keys()].map(
      number => new Worker(__filename, { workerData: { endpoint, number } }));
    const ended = workers.map(worker => new Promise(resolve => worker.on("exit", resolve)));
    const next = [0, 0, 0];
    let wrong = 0;
    for (let index = 0; index < 3 * 500; index++) {
      const [number, value] = (await pull.receive()).map(Number);
      wrong += next[number]++ !== value;
    }
    await Promise.all(ended);
    console.log(next, wrong);
    pull.close();
  },

  // The older interface: callbacks as messages come.
  async callbacks() {
    const old = require("zeromq/v5-compat");
    const pull = old.socket("pull");
    const push = old.socket("push");
    await new Promise((resolve, reject) => pull.bind("tcp://127.0.0.1:*", error => (error ? reject(error) : resolve())));
    push.connect(pull.getsockopt(old.ZMQ_LAST_ENDPOINT || 32));
    const got = [];
    const all = new Promise(resolve => pull.on("message", message => {
      if (got.push(Number(message)) === 1000) resolve();
    }));
    for (let index = 0; index < 1000; index++) push.send(`${index}`);
    await all;
    console.log(got.every((value, index) => value === index));
    push.close();
    pull.close();
  },

  async options() {
    for (const name of ["Pair", "Publisher", "Subscriber", "Request", "Reply", "Dealer", "Router", "Push", "Pull",
      "XPublisher", "XSubscriber"]) {
      const socket = new zmq[name]();
      for (const option of ["affinity", "linger", "backlog", "reconnectInterval", "ipv6", "sendHighWaterMark",
        "receiveHighWaterMark", "heartbeatInterval", "tcpKeepalive", "maxMessageSize", "type"]) {
        console.log(name, option, String(socket[option]));
      }
      socket.close();
    }
  },
};

async function work() {
  const push = new zmq.Push();
  push.connect(workerData.endpoint);
  for (let index = 0; index < 500; index++) await push.send([`${workerData.number}`, `${index}`]);
  push.close();
}

async function main(name) {
  const timer = setTimeout(() => {
    console.log("time over");
    process.exit(9);
  }, PATIENCE);
  await scenarios[name]();
  clearTimeout(timer);
  console.log("end");
}

if (!isMainThread) {
  work();
} else if (process.argv[2] === "--list") {
  console.log(Object.keys(scenarios).join("\n"));
} else {
  main(process.argv[2]).catch(error => {
    console.log(`${error.code || ""} ${error.message}`);
    process.exit(8);
  });
}
