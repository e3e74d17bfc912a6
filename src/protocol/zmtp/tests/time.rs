//! Timers, with a clock that stands still unless the test moves it (zmtp.md section 7).

use std::time::Duration;

use super::*;
use crate::protocol::TimedOut;

const fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

fn beating(interval: u64, timeout: Option<u64>, ttl: u16) -> Config {
    Config {
        heartbeat_interval: Some(ms(interval)),
        heartbeat_timeout: timeout.map(ms),
        heartbeat_ttl: ttl,
        ..config("PUSH")
    }
}

/// Lets the time come that the connection waits for; what it sends then.
fn wait(transcript: &mut Transcript, expected: Instant) -> Result<Vec<u8>, TimedOut> {
    assert_eq!(transcript.zmtp.next_timeout(), Some(expected));
    let before = transcript.sent.len();
    transcript.zmtp.handle_timeout(expected)?;
    transcript.collect_output();
    Ok(transcript.sent[before..].to_vec())
}

#[test]
fn the_handshake_has_its_time_from_the_connection_to_the_last_byte_of_ready() {
    let mut own = config("PAIR");
    own.handshake_interval = Some(ms(100));
    let input = opening(1, "PAIR");
    for received in 0..=input.len() {
        let (mut transcript, start) = start(own.clone());
        // Bytes do not prolong it.
        transcript.receive(&input[..received], start + ms(99));
        assert_eq!(transcript.zmtp.handle_timeout(start + ms(99)), Ok(()));
        if received < input.len() {
            assert_eq!(transcript.zmtp.next_timeout(), Some(start + ms(100)));
            assert_eq!(
                transcript.zmtp.handle_timeout(start + ms(100)),
                Err(TimedOut::Handshake)
            );
        } else {
            assert_eq!(transcript.zmtp.next_timeout(), None);
            assert_eq!(transcript.zmtp.handle_timeout(start + ms(1000)), Ok(()));
        }
    }
}

#[test]
fn without_intervals_nothing_is_waited_for() {
    let (transcript, _) = start(config("PAIR"));
    assert_eq!(transcript.zmtp.next_timeout(), None);
    let (transcript, _) = in_traffic(config("PUSH"), 1, "PULL");
    assert_eq!(transcript.zmtp.next_timeout(), None);
}

#[test]
fn pings_go_out_every_interval_to_peers_of_3_1_and_3_0() {
    let ping = command("PING", b"\0\x07");
    for minor in [0, 1] {
        let (mut transcript, start) = in_traffic(beating(1000, None, 7), minor, "PULL");
        for round in 1..=3 {
            // Other traffic does not put it off.
            transcript.receive(&frame(0, b"x"), start + ms(round * 1000 - 1));
            assert_eq!(
                wait(&mut transcript, start + ms(round * 1000)),
                Ok(ping.clone())
            );
        }
    }
}

#[test]
fn no_ping_before_the_handshake_is_over() {
    let (mut transcript, now) = start(beating(1000, Some(1000), 0));
    transcript.receive(&greeting(1), now + ms(5000));
    assert_eq!(transcript.zmtp.next_timeout(), None);
    transcript.receive(&ready("PULL"), now + ms(7000));
    assert_eq!(transcript.zmtp.next_timeout(), Some(now + ms(8000)));
}

#[test]
fn silence_after_a_ping_ends_the_connection() {
    let (mut transcript, start) = in_traffic(beating(1000, Some(400), 0), 1, "PULL");
    wait(&mut transcript, start + ms(1000)).expect("the first PING");
    assert_eq!(
        wait(&mut transcript, start + ms(1400)),
        Err(TimedOut::Heartbeat)
    );
}

#[test]
fn a_timeout_longer_than_the_interval_runs_from_the_first_unanswered_ping() {
    let (mut transcript, start) = in_traffic(beating(100, Some(250), 0), 1, "PULL");
    for at in [100, 200, 300] {
        wait(&mut transcript, start + ms(at)).expect("a PING");
    }
    assert_eq!(
        wait(&mut transcript, start + ms(350)),
        Err(TimedOut::Heartbeat)
    );
}

#[test]
fn anything_received_is_a_sign_of_life() {
    let large = frame(0, &[0; 20_000]);
    for sign in [
        command("PONG", b""),
        frame(0, b"message"),
        command("UNKNOWN", b""),
        // One byte of a frame that is still arriving.
        vec![0],
        large[..9000].to_vec(),
    ] {
        let (mut transcript, start) = in_traffic(beating(1000, Some(400), 0), 1, "PULL");
        wait(&mut transcript, start + ms(1000)).expect("the first PING");
        transcript.receive(&sign, start + ms(1399));
        wait(&mut transcript, start + ms(2000)).expect("the second PING");
        assert_eq!(
            wait(&mut transcript, start + ms(2400)),
            Err(TimedOut::Heartbeat)
        );
    }
}

#[test]
fn a_ttl_of_the_peer_runs_until_something_comes() {
    let ping = |ttl: u16| command("PING", &ttl.to_be_bytes());
    let (mut transcript, start) = in_traffic(config("PULL"), 1, "PUSH");
    transcript.receive(&ping(3), start);
    assert_eq!(transcript.zmtp.next_timeout(), Some(start + ms(300)));
    // A frame stops it, and only the next PING starts it anew.
    transcript.receive(&frame(0, b"x"), start + ms(299));
    assert_eq!(transcript.zmtp.next_timeout(), None);
    // A frame behind a PING in the same read counts as well.
    transcript.receive(&[ping(3), frame(0, b"x")].concat(), start + ms(300));
    assert_eq!(transcript.zmtp.next_timeout(), None);
    transcript.receive(&ping(0), start + ms(301));
    assert_eq!(transcript.zmtp.next_timeout(), None);
    transcript.receive(&ping(1), start + ms(400));
    assert_eq!(
        wait(&mut transcript, start + ms(500)),
        Err(TimedOut::Heartbeat)
    );
}

#[test]
fn a_ttl_has_more_than_16_bits_of_milliseconds() {
    for ttl in [656, u16::MAX] {
        let (mut transcript, start) = in_traffic(config("PULL"), 1, "PUSH");
        transcript.receive(&command("PING", &ttl.to_be_bytes()), start);
        assert_eq!(
            transcript.zmtp.next_timeout(),
            Some(start + ms(u64::from(ttl) * 100))
        );
    }
}

#[test]
fn a_peer_that_is_not_read_is_not_silent() {
    let (mut transcript, start) = in_traffic(beating(1000, Some(400), 0), 1, "PULL");
    transcript.receive(&command("PING", b"\0\x0C"), start + ms(900));
    wait(&mut transcript, start + ms(1000)).expect("the first PING");
    transcript.zmtp.set_input_paused(true, start + ms(1300));
    // What is sent goes on.
    let before = transcript.sent.len();
    while let Some(at) = transcript.zmtp.next_timeout()
        && at <= start + ms(4000)
    {
        wait(&mut transcript, at).expect("alive");
    }
    let ping = command("PING", b"\0\0");
    let sent = &transcript.sent[before..];
    let pings = sent.windows(ping.len()).filter(|at| *at == ping).count();
    assert_eq!(pings, 3);
    // Silence counts from the end of the pause.
    transcript.zmtp.set_input_paused(false, start + ms(4100));
    assert_eq!(
        wait(&mut transcript, start + ms(4500)),
        Err(TimedOut::Heartbeat)
    );
}

/// PINGs of the peer wait behind what is not read: it gets PONGs all the same, four in each of its intervals.
#[test]
fn a_peer_that_sends_pings_gets_pongs_while_it_is_not_read() {
    let ping = command("PING", b"\0\0");
    let pong = command("PONG", b"");
    for minor in [0, 1] {
        let (mut transcript, start) = in_traffic(config("PULL"), minor, "PUSH");
        // The first PING comes an interval after the handshake; one late, the next in time again.
        for at in [1000, 2100, 3000, 4000] {
            assert_eq!(transcript.receive(&ping, start + ms(at)), pong);
            assert_eq!(transcript.zmtp.next_timeout(), None);
        }
        transcript.zmtp.set_input_paused(true, start + ms(4100));
        for round in 1..=10 {
            let at = start + ms(4100 + round * 225);
            assert_eq!(wait(&mut transcript, at), Ok(pong.clone()));
        }
        transcript.zmtp.set_input_paused(false, start + ms(7000));
        assert_eq!(transcript.zmtp.next_timeout(), None);
        // Those that had waited are answered; that they come together says nothing of the interval.
        let answered = transcript.receive(&ping.repeat(3), start + ms(7000));
        assert_eq!(answered, pong.repeat(3));
        transcript.zmtp.set_input_paused(true, start + ms(7100));
        assert!(transcript.zmtp.next_timeout() <= Some(start + ms(7100)));
        transcript.zmtp.set_input_paused(false, start + ms(7150));
    }
}

/// A reader that is slow pauses again and again, each time for less than it would take.
#[test]
fn short_pauses_bring_pongs_as_well() {
    let (mut transcript, start) = in_traffic(config("PULL"), 1, "PUSH");
    transcript.receive(&command("PING", b"\0\0"), start + ms(1000));
    transcript.sent.clear();
    for at in (1000..5000).step_by(10) {
        transcript.zmtp.set_input_paused(true, start + ms(at));
        if let Some(due) = transcript.zmtp.next_timeout()
            && due <= start + ms(at)
        {
            transcript
                .zmtp
                .handle_timeout(start + ms(at))
                .expect("alive");
            transcript.collect_output();
        }
        transcript.zmtp.set_input_paused(false, start + ms(at + 5));
        transcript.receive(&frame(0, b"read"), start + ms(at + 5));
    }
    assert_eq!(transcript.sent, command("PONG", b"").repeat(15));
}

#[test]
fn a_peer_that_sends_no_pings_gets_no_pongs() {
    let (mut transcript, start) = in_traffic(config("PULL"), 1, "PUSH");
    transcript.receive(&command("PONG", b""), start + ms(10));
    transcript.zmtp.set_input_paused(true, start + ms(20));
    assert_eq!(transcript.zmtp.next_timeout(), None);
}

#[test]
fn pongs_of_a_pause_are_not_more_than_a_hundred_a_second() {
    let (mut transcript, start) = in_traffic(config("PULL"), 1, "PUSH");
    for at in [1, 2, 3] {
        transcript.receive(&command("PING", b"\0\0"), start + ms(at));
    }
    transcript.zmtp.set_input_paused(true, start + ms(5));
    assert_eq!(transcript.zmtp.next_timeout(), Some(start + ms(15)));
}

#[test]
fn bytes_that_go_out_slowly_are_a_sign_of_life() {
    let (mut transcript, start) = in_traffic(beating(1000, Some(400), 0), 1, "PULL");
    transcript.zmtp.handle_sent(start + ms(999));
    wait(&mut transcript, start + ms(1000)).expect("the first PING");
    for at in [1300, 1600, 1900] {
        assert!(transcript.zmtp.handle_timeout(start + ms(at)).is_ok());
        transcript.zmtp.handle_sent(start + ms(at));
    }
    wait(&mut transcript, start + ms(2000)).expect("the second PING");
    // Then nothing goes any more.
    assert_eq!(
        wait(&mut transcript, start + ms(2300)),
        Err(TimedOut::Heartbeat)
    );
}

#[test]
fn two_beating_ends_keep_each_other_alive_until_one_falls_silent() {
    let configs = [
        beating(100, Some(50), 3),
        Config {
            heartbeat_interval: Some(ms(70)),
            heartbeat_timeout: Some(ms(30)),
            ..config("PULL")
        },
    ];
    let begin = clock::now();
    let mut ends = configs.map(|config| Transcript::new(config, begin));
    let mut received = [0, 0];
    let mut now = begin;
    let mut pings = 0;
    let mut cross = |ends: &mut [Transcript; 2], now| {
        loop {
            let mut moved = false;
            for from in [0, 1] {
                let bytes = ends[from].sent[received[from]..].to_vec();
                received[from] += bytes.len();
                moved |= !bytes.is_empty();
                ends[1 - from].receive(&bytes, now);
            }
            if !moved {
                return;
            }
        }
    };
    cross(&mut ends, now);
    while now < begin + ms(10_000) {
        let next = ends.iter().filter_map(|end| end.zmtp.next_timeout()).min();
        now = next.expect("both send PINGs");
        for end in &mut ends {
            end.zmtp.handle_timeout(now).expect("both are alive");
            let before = end.sent.len();
            end.collect_output();
            pings += usize::from(end.sent.len() > before);
        }
        cross(&mut ends, now);
    }
    assert!(pings >= 10_000 / 100 + 10_000 / 70 - 2, "{pings} PINGs");
    // From now on nothing arrives at the second end.
    let quiet = now;
    let [_, silent] = &mut ends;
    let end = loop {
        now = silent.zmtp.next_timeout().expect("a timer runs");
        if silent.zmtp.handle_timeout(now).is_err() {
            break now;
        }
    };
    assert!(
        end <= quiet + ms(300),
        "by its own timeout, or by the peer's TTL"
    );
}
