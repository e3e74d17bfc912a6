use super::*;

/// Asks for a name, for as long as what is returned lives. True if that takes a new thread.
fn ask(look_ups: &mut LookUps<u16>, name: &str, port: u16) -> (bool, Arc<()>) {
    let waiting = Arc::new(());
    let asker = Asker {
        reply: port,
        port,
        waits: Arc::downgrade(&waiting),
    };
    (look_ups.add(question(name), asker), waiting)
}

fn question(name: &str) -> Question {
    (TcpHost::Name(name.into()), false)
}

#[test]
fn a_name_is_asked_for_once_at_a_time() {
    let mut look_ups = LookUps::default();
    let (is_wanted, _first) = ask(&mut look_ups, "a", 1);
    assert!(is_wanted);
    assert_eq!(look_ups.next(), Some(question("a")));
    let (is_wanted, _second) = ask(&mut look_ups, "a", 2);
    assert!(!is_wanted);
    let answered = look_ups.askers.remove(&question("a")).expect("askers");
    assert_eq!(answered.iter().map(|a| a.port).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(look_ups.next(), None);
    assert_eq!(look_ups.threads, 0);
    // Then anew.
    assert!(ask(&mut look_ups, "a", 3).0);
}

#[test]
fn threads_are_bounded_and_take_what_waits() {
    let mut look_ups = LookUps::default();
    let names: Vec<_> = (0..1000).map(|name| name.to_string()).collect();
    let asked: Vec<_> = names.iter().map(|n| ask(&mut look_ups, n, 1)).collect();
    assert_eq!(asked.iter().filter(|asked| asked.0).count(), THREADS);
    for name in &names {
        assert_eq!(look_ups.next(), Some(question(name)));
    }
    for name in &names {
        look_ups.askers.remove(&question(name));
    }
    for _ in 0..THREADS {
        assert!(look_ups.queue.capacity() > 0);
        assert_eq!(look_ups.next(), None);
    }
    assert_eq!(look_ups.threads, 0);
    assert_eq!(look_ups.askers.capacity() + look_ups.queue.capacity(), 0);
}

#[test]
fn nobody_asks_for_who_has_gone() {
    let mut look_ups = LookUps::default();
    let (_, gone) = ask(&mut look_ups, "gone", 1);
    let (_, _here) = ask(&mut look_ups, "here", 1);
    drop(gone);
    assert_eq!(look_ups.next(), Some(question("here")));
    assert!(look_ups.askers.contains_key(&question("here")));
    assert!(!look_ups.askers.contains_key(&question("gone")));
}

#[test]
fn names_of_those_that_have_gone_do_not_pile_up() {
    let mut look_ups = LookUps::default();
    let (_, _here) = ask(&mut look_ups, "here", 1);
    for name in 0..10 * SWEEP {
        ask(&mut look_ups, &name.to_string(), 1);
    }
    assert!(look_ups.queue.len() <= SWEEP, "{}", look_ups.queue.len());
    assert_eq!(look_ups.askers.len(), look_ups.queue.len());
    assert_eq!(look_ups.next(), Some(question("here")));
}

#[test]
fn without_threads_every_attempt_fails() {
    let mut look_ups = LookUps::default();
    let (_, _a) = ask(&mut look_ups, "a", 1);
    let (_, _b) = ask(&mut look_ups, "b", 2);
    // The other one still comes, and takes both.
    assert!(look_ups.thread_failed().is_empty());
    let mut failed: Vec<_> = look_ups.thread_failed().iter().map(|a| a.port).collect();
    failed.sort_unstable();
    assert_eq!(failed, [1, 2]);
    assert_eq!((look_ups.threads, look_ups.queue.len()), (0, 0));
}
