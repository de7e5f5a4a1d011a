//! Servers that are asked about themselves.

mod support;

use std::collections::BTreeMap;

use session::{Config, NoWait, Question, Target, Topic, inspect};
use support::scripted::Scripted;
use support::scripted::Step::{Commands, Say, Silence};
use support::*;

fn answer(config: &Config, question: Question) -> session::Answer {
    let mut answers = inspect(config, question, &mut NoWait).unwrap();
    assert_eq!(answers.len(), 1);
    answers.remove(0).1
}

#[test]
fn a_real_server_tells_all_of_it() {
    let Some(server) = Memcached::start() else { return };
    let config = server.config();
    let (_, _) = with_session(&config, "a=1");
    let map = |topic| answer(&config, Question::Stats(topic)).unwrap().into_iter().collect::<BTreeMap<_, _>>();
    let general = map(Topic::General);
    assert_eq!(general["curr_items"], "1");
    let version = answer(&config, Question::Version).unwrap();
    assert_eq!(version, [("version".to_owned(), general["version"].clone())]);
    assert_eq!(map(Topic::Settings)["item_size_max"], "1048576");
    assert!(map(Topic::Items).keys().any(|name| name.starts_with("items:") && name.ends_with(":number")));
    assert!(map(Topic::Slabs).contains_key("active_slabs"));
    assert_eq!(map(Topic::Sizes)["sizes_status"], "disabled");
    assert!(map(Topic::Conns).keys().any(|name| name.ends_with(":addr")));
    assert_eq!(answer(&config, Question::Meta).unwrap(), []);
}

#[test]
fn a_dead_server_does_not_hide_the_others() {
    let Some(server) = Memcached::start() else { return };
    let Some(other) = Memcached::start() else { return };
    let dead = format!("127.0.0.1:{}", Memcached::start().unwrap().kill());
    let list = [(server.address.as_str(), 1), (dead.as_str(), 1), (other.address.as_str(), 3)];
    let config = Config { servers: Target::parse("servers", &list).unwrap(), ..server.config() };
    for _ in 0..2 {
        let answers = inspect(&config, Question::Version, &mut NoWait).unwrap();
        let addresses: Vec<&str> = answers.iter().map(|(address, _)| address.as_str()).collect();
        assert_eq!(addresses, [&server.address, &dead, &other.address]);
        let [(_, Ok(_)), (_, Err(error)), (_, Ok(_))] = &answers[..] else { panic!("{answers:?}") };
        assert!(error.is_server());
        assert!(error.to_string().starts_with(&format!("memcached {dead}: can't connect: ")), "{error}");
    }
}

#[test]
fn an_embedded_store_has_no_servers() {
    let dir = tempfile::tempdir().unwrap();
    let config = embedded(&path(&dir, "sessions"), 1 << 20);
    assert_eq!(inspect(&config, Question::Version, &mut NoWait).unwrap().len(), 0);
}

#[test]
fn what_a_server_says_wrong_is_told() {
    let general = Question::Stats(Topic::General);
    for (question, say, told) in [
        (general, "ERROR\r\n", "ERROR"),
        (general, "STAT a 1\r\nSERVER_ERROR busy\r\n", "SERVER_ERROR busy"),
        (general, "VERSION 1\r\n", "answered out of step: \"VERSION 1\""),
        (Question::Version, "ERROR\r\n", "ERROR"),
        (Question::Version, "END\r\n", "answered out of step: \"END\""),
        (
            Question::Meta,
            "ERROR\r\nERROR\r\n",
            "speaks no meta commands that we know; memcached 1.6.13 or later is needed",
        ),
        (Question::Meta, "VERSION 1.6.12\r\nEN\r\n", "is memcached 1.6.12; memcached 1.6.13 or later is needed"),
    ] {
        let server = Scripted::unproven(vec![vec![Commands(1), Say(say)]]);
        let error = answer(&server.config(), question).unwrap_err();
        assert_eq!(error.to_string(), format!("memcached {}: {told}", server.address));
    }
}

#[test]
fn a_server_that_stops_in_the_middle_costs_its_time() {
    let server = Scripted::start(vec![vec![Commands(1), Say("STAT a 1\r\nSTAT b"), Silence]]);
    let error = answer(&server.hasty(), Question::Stats(Topic::General)).unwrap_err();
    assert!(error.is_timeout(), "{error}");
    let server = Scripted::start(vec![vec![Commands(1), Say("STAT a 1\r\nSTAT b")]]);
    let error = answer(&server.config(), Question::Stats(Topic::General)).unwrap_err();
    assert!(error.to_string().ends_with("closed the connection"), "{error}");
}
