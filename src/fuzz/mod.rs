//! What a fuzzer calls with arbitrary bytes: one function per target, each with what must hold for any input.
//!
//! A target stands beside what it tests, in a file or module named `fuzz`; here is the list. The crate in
//! `fuzz/` hands each to libFuzzer; the tests run each over its corpus, `fuzz/corpus/TARGET`, and over
//! damaged copies of it. Built for fuzzers and tests only.
//!
//! Adding a target: its function, a line below, `fuzz/fuzz_targets/TARGET.rs` with its section in
//! `fuzz/Cargo.toml`, and a corpus. A test says what is missing.

#![forbid(unsafe_code)]

mod input;

pub(crate) use input::Input;

/// Makes the list: for each target a function of its name, and a test of the same name.
macro_rules! targets {
    ($($(#[$doc:meta])* $target:ident => $($function:ident)::+;)*) => {
        $(
            $(#[$doc])*
            ///
            /// # Panics
            /// If it does not hold.
            pub fn $target(data: &[u8]) {
                crate::$($function)::+(data);
            }
        )*

        #[cfg(test)]
        const TARGETS: &[&str] = &[$(stringify!($target)),*];

        #[cfg(test)]
        mod smoke {
            $(
                #[test]
                fn $target() {
                    super::tests::smoke(stringify!($target), super::$target);
                }
            )*
        }
    };
}

targets! {
    /// A greeting: it is understood the same however it is cut, and by the letter of its bytes.
    greeting => protocol::fuzz::greeting;
    /// Frames of ZMTP 1.0, 2.x and 3.x: what was read is written the same.
    frames => protocol::fuzz::frames;
    /// The body of a command: its name decides, and nothing of it is lost. What we write, we read.
    command => protocol::fuzz::command;
    /// A metadata block: what can be read gives the same block again, and is what a handshake brings.
    metadata => protocol::fuzz::metadata;
    /// A whole connection: however the input is cut, the same comes of it.
    zmtp => protocol::fuzz::zmtp;
    /// Two connections that talk to each other: what one was given, the other one gets.
    pair => protocol::fuzz::pair;
    /// A connection without a protocol: all bytes, in messages that are not too large.
    raw => protocol::fuzz::raw;
    /// A connection with any mechanism: however the input is cut, the same comes of it, and nobody comes in who was not
    /// let in.
    secured => protocol::fuzz::secured;
    /// Two connections with any mechanism, and somebody between them: with CURVE nothing is forged.
    middle => protocol::fuzz::middle;
    /// The commands of PLAIN: a client comes in with its name and password, and after a handler has let it in.
    plain => mechanism::fuzz::plain;
    /// Commands to a server of CURVE, of a client whose keys are known: what its boxes say decides.
    curve_server => mechanism::fuzz::curve_server;
    /// The same to a client.
    curve_client => mechanism::fuzz::curve_client;
    /// Encrypted traffic: what opens is what was sealed, once and in order.
    sealed => protocol::fuzz::sealed;
    /// What seals and opens traffic, several messages at once: the same as libsodium's boxes.
    direction => sodium::fuzz::direction;
    /// The reply of a ZAP handler: by the letter of its frames.
    zap => mechanism::fuzz::zap;
    /// A dialogue with a SOCKS5 proxy: by the letter, however it is cut, and no byte more than that.
    socks5 => protocol::fuzz::socks5;
    /// The frames of replies to REQ: those pass that are in an envelope.
    envelope => protocol::fuzz::envelope;
    /// The text of an endpoint: what was parsed and printed parses to the same.
    endpoint => endpoint::fuzz::endpoint;
    /// ZMQ_TCP_ACCEPT_FILTER: an address passes if its first bits are the filter's.
    accept_filter => transport::filter::fuzz::accept_filter;
    /// IPv4 addresses are read as the C library reads them.
    inet => ffi::fuzz::inet::inet;
    /// zmq_setsockopt and zmq_getsockopt: what was set reads back, what is refused changes nothing.
    socket_options => ffi::fuzz::socket_options::socket_options;
    /// The same of the four functions for context options.
    context_options => ffi::fuzz::context_options::context_options;
    /// zmq_z85_encode and zmq_z85_decode undo each other, within their buffers.
    z85 => ffi::fuzz::z85::z85;
    /// Subscriptions at publisher and subscriber, against sorted maps.
    topics => patterns::fuzz::topics;
}

#[cfg(test)]
mod tests;
