//! Credit: high-water marks and reports. Contract: queues.md section 2.

use super::*;

/// Fills the pipe, then reads one by one and writes what fits, as the writer's owner does.
fn worked_example(writer: i32, reader: i32) -> (usize, Vec<usize>) {
    let (mut from, mut to) = limited(Some(writer), Some(reader));
    let owner = Owner::of(&from);
    let first = fill(&mut from, 100);
    let mut after_each_read = Vec::new();
    for _ in 0..6 {
        read(&mut to).unwrap();
        if owner.told().contains(&Notice::Writable) {
            from.noticed_writable();
        }
        after_each_read.push(fill(&mut from, 100));
    }
    (first, after_each_read)
}

#[test]
fn worked_examples_of_the_contract() {
    assert_eq!(worked_example(2, 2), (4, vec![0, 2, 0, 2, 0, 2]));
    assert_eq!(worked_example(1, 1), (2, vec![1, 1, 1, 1, 1, 1]));
    assert_eq!(worked_example(3, 3), (6, vec![0, 0, 3, 0, 0, 3]));
    assert_eq!(worked_example(2, 3), (5, vec![0, 0, 3, 0, 0, 3]));
}

/// What is visible to the reader is the reader's alone, but for a frame that goes to other pipes as well.
#[test]
fn the_writer_keeps_nothing_of_what_it_wrote() {
    for size in [10, 100, 5000] {
        let (mut from, mut to) = unlimited();
        let mut message = Message::with_size(size).unwrap();
        let mut frame = Outgoing::from_message(&mut message, false);
        from.write_quietly(&mut frame, false, false).unwrap();
        assert_eq!(frame.bytes().len(), size);
        from.write(&mut frame, true).unwrap();
        assert_eq!(frame.bytes().len(), size);
        from.write(&mut frame, false).unwrap();
        assert_eq!(frame.bytes().len(), 0);
        for more in [false, true, false] {
            let (body, has_more) = read(&mut to).unwrap();
            assert_eq!((body.len(), has_more), (size, more));
        }
    }
    let bytes = [1; COPY_LIMIT + 1];
    let (mut from, mut to) = unlimited();
    let mut frame = Outgoing::from_bytes(&bytes, false);
    from.write_quietly(&mut frame, false, false).unwrap();
    from.write(&mut frame, false).unwrap();
    assert_eq!(frame.bytes().len(), 0);
    for _ in 0..2 {
        assert_eq!(read(&mut to), Some((bytes.to_vec(), false)));
    }
}

#[test]
fn no_limit_on_either_side_is_no_limit() {
    for (writer, reader) in [(5, 0), (0, 5), (0, 0)] {
        let (mut from, mut to) = limited(Some(writer), Some(reader));
        let owner = Owner::of(&from);
        assert_eq!(fill(&mut from, 5000), 5000);
        while read(&mut to).is_some() {}
        assert_eq!(owner.told(), [], "no reports");
    }
}

#[test]
fn a_connection_brings_no_limit_of_its_own() {
    let (mut from, _to) = limited(Some(3), None);
    assert_eq!(fill(&mut from, 100), 3);
    let (mut from, _to) = limited(None, Some(2));
    assert_eq!(fill(&mut from, 100), 2);
    let (mut from, _to) = limited(None, None);
    assert_eq!(fill(&mut from, 100), 100);
}

#[test]
fn only_last_frames_count() {
    let (mut from, mut to) = limited(Some(1), None);
    let owner = Owner::of(&from);
    for more in [true, true, false] {
        assert!(
            from.can_write(),
            "a message that was begun can be completed"
        );
        write_frame(&mut from, b"x", more);
    }
    assert!(!from.can_write());
    for more in [true, true] {
        assert_eq!(read(&mut to), Some((b"x".to_vec(), more)));
        assert!(to.is_mid_read());
        assert_eq!(owner.told(), []);
    }
    assert_eq!(read(&mut to), Some((b"x".to_vec(), false)));
    assert_eq!(owner.told(), [Notice::Writable]);
}

#[test]
fn full_lasts_until_the_report_is_noticed() {
    let (mut from, mut to) = limited(Some(2), None);
    let owner = Owner::of(&from);
    assert_eq!(fill(&mut from, 9), 2);
    read(&mut to).unwrap();
    assert_eq!(owner.told(), [Notice::Writable]);
    assert!(!from.can_write(), "not noticed yet");
    from.noticed_writable();
    assert_eq!(fill(&mut from, 9), 1);
}

/// A writer that has not found the pipe full is not told.
#[test]
fn reports_wake_nobody_who_does_not_wait() {
    let (mut from, mut to) = limited(Some(2), None);
    let owner = Owner::of(&from);
    for _ in 0..10 {
        assert!(write(&mut from));
        assert!(read(&mut to).is_some());
    }
    assert_eq!(owner.told(), []);
}

#[test]
fn a_limit_that_is_lowered_forces_a_report() {
    let (mut from, mut to) = limited(Some(10), Some(10));
    let owner = Owner::of(&from);
    assert_eq!(fill(&mut from, 99), 20);
    for _ in 0..9 {
        read(&mut to).unwrap();
    }
    assert_eq!(owner.told(), [], "a report is due after ten");
    to.set_limits(None, Some(1));
    assert!(owner.told().contains(&Notice::Writable));
    from.noticed_writable();
    // 11 are unread, and 11 is the limit now.
    assert_eq!(fill(&mut from, 99), 0);
    while read(&mut to).is_some() {}
    from.noticed_writable();
    assert_eq!(
        fill(&mut from, 99),
        11 - 20 % 6,
        "reported up to 18, in sixes"
    );
}

#[test]
fn a_limit_that_is_raised_gives_room_with_the_next_report() {
    let (mut from, mut to) = limited(Some(2), Some(2));
    let owner = Owner::of(&from);
    assert_eq!(fill(&mut from, 99), 4);
    from.set_limits(Some(8), None);
    to.limits_changed();
    assert!(!from.can_write(), "full until the next report");
    // The step is five now: the report comes within that.
    let mut reads = 0;
    while owner.told().is_empty() && read(&mut to).is_some() {
        reads += 1;
    }
    from.noticed_writable();
    assert_eq!(reads, 2, "the first report keeps to the old step");
    assert_eq!(fill(&mut from, 99), 10 - 4 + reads);
}

#[test]
fn a_limit_that_was_lowered_for_a_moment_stops_nobody() {
    let (mut from, mut to) = limited(Some(100), None);
    let owner = Owner::of(&from);
    assert_eq!(fill(&mut from, 30), 30);
    while read(&mut to).is_some() {}
    from.set_limits(Some(10), None);
    assert!(!from.can_write(), "30 are unreported");
    for limit in [100, 0] {
        from.set_limits(Some(limit), None);
        assert_eq!(owner.told(), [], "the reader has not looked yet");
    }
    to.limits_changed();
    assert_eq!(owner.told(), [Notice::Writable]);
    from.noticed_writable();
    assert!(from.can_write());
}

/// Reads everything that is there, one by one or, as connections do, in one run.
fn read_all(end: &mut PipeEnd, in_one_run: bool) {
    if !in_one_run {
        while read(end).is_some() {}
        return;
    }
    while end.head() == Head::Frame {
        let mut gather = Gather::new();
        let run = end.gather(1 << 20, &mut gather);
        let length = run.slices().map(|slice| slice.len()).sum();
        end.advance(length);
    }
}

/// Limits that change at random, and notices that are late: when all is read and noticed, there is room.
#[test]
fn changing_limits_leave_nobody_waiting() {
    let mut state = 1_u64;
    let mut random = |below: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % below
    };
    for round in 0..3000 {
        let is_connection = round % 2 == 0;
        let new_limit = |random: &mut dyn FnMut(u64) -> u64| match random(8) {
            0 => 0,
            _ => i32::try_from(1 + random(60)).unwrap(),
        };
        let reader_limit = (!is_connection).then(|| new_limit(&mut random));
        let (mut from, mut to) = limited(Some(new_limit(&mut random)), reader_limit);
        let (writing, reading) = (Owner::of(&from), Owner::of(&to));
        for _ in 0..random(40) {
            match random(6) {
                0 => from.set_limits(Some(new_limit(&mut random)), None),
                1 if !is_connection => to.set_limits(None, Some(new_limit(&mut random))),
                2 => {
                    fill(&mut from, usize::try_from(random(80)).unwrap());
                }
                3 => {
                    for _ in 0..random(80) {
                        read(&mut to);
                    }
                }
                4 => read_all(&mut to, is_connection),
                _ if random(2) == 0 => {
                    if reading.told().contains(&Notice::LimitsChanged) {
                        to.limits_changed();
                    }
                }
                _ => {
                    if writing.told().contains(&Notice::Writable) {
                        from.noticed_writable();
                    }
                }
            }
        }
        if reading.told().contains(&Notice::LimitsChanged) {
            to.limits_changed();
        }
        read_all(&mut to, is_connection);
        if writing.told().contains(&Notice::Writable) {
            from.noticed_writable();
        }
        assert!(from.can_write(), "round {round}");
    }
}

#[test]
fn a_parked_connect_gets_room_when_it_is_bound() {
    let (mut from, mut to) = limited(Some(2), None);
    let owner = Owner::of(&from);
    assert_eq!(fill(&mut from, 99), 2);
    to.join_limits(0, 3);
    assert!(owner.told().contains(&Notice::Writable));
    from.noticed_writable();
    assert_eq!(fill(&mut from, 99), 3);
}

#[test]
fn a_connection_reports_what_it_has_sent() {
    let (mut from, mut to) = limited(Some(4), None);
    let owner = Owner::of(&from);
    assert_eq!(fill(&mut from, 99), 4);
    let mut gather = Gather::new();
    let length: usize = to
        .gather(1 << 20, &mut gather)
        .slices()
        .map(|slice| slice.len())
        .sum();
    assert_eq!(length, 4 * 3);
    assert_eq!(to.advance(5).messages, 2, "the second one is cut");
    assert_eq!(owner.told(), [Notice::Writable]);
    assert_eq!(to.advance(6).messages, 2);
}
