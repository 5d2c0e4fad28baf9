//! Texts that cannot be spoken: each is refused with its own words, live and as a job, and no audio is left behind.
use voiceclone_core::{
    Error, ErrorKind, Result,
    domain::JobState,
    engine::{JobHandle, Speech},
    id::SampleId,
    speak::SpeakRequest,
    testkit::run_on_runtime,
};

use super::house::House;

impl House {
    async fn live(&self, voice: SampleId, text: &str) -> Result<Speech> {
        self.engine.speak(&self.owner, SpeakRequest::new(voice, text)?).await
    }

    async fn queued(&self, voice: SampleId, text: &str) -> Result<JobHandle> {
        self.engine.submit(&self.owner, SpeakRequest::new(voice, text)?, None).await
    }
}

fn check(error: &Error, what: &str, parts: &[&str]) {
    assert_eq!(error.kind(), ErrorKind::InvalidInput, "{what}: {}", error.chain());
    for part in parts {
        assert!(error.message().contains(part), "{what}: {:?} should say {part:?}", error.message());
    }
}

#[test]
fn a_text_that_nobody_can_speak_is_refused_before_it_is_queued() {
    let million = "a".repeat(1_000_000);
    let cases: [(&str, &str, &[&str]); 6] = [
        ("empty", "", &["the text is empty"]),
        ("white space", " \n\t \u{3000}", &["only white space"]),
        ("a million characters", &million, &["too long: 1000000 bytes", "at most 200000"]),
        ("a control character", "Good\u{7}morning", &["control character U+0007 at character 5"]),
        ("punctuation", "?! … (—)", &["nothing to speak"]),
        ("emoji", "🙂🎉🙂", &["nothing to speak"]),
    ];
    run_on_runtime(async {
        let house = House::new();
        let voice = house.reader().await.id;
        let before = house.kept().await;
        for (what, text, parts) in cases {
            check(&house.live(voice, text).await.unwrap_err(), what, parts);
            check(&house.queued(voice, text).await.unwrap_err(), what, parts);
            assert_eq!(house.kept().await, before, "{what} left something behind");
        }
    });
}

#[test]
fn a_text_that_the_builtin_cannot_read_is_refused_with_the_characters_named() {
    let cases: [(&str, &[&str]); 4] = [
        ("你好，世界。", &["'你' (U+4F60)", "reads English"]),
        ("Привет, мир.", &["'П' (U+041F)", "reads English"]),
        ("Good morning 🙂", &["'🙂' (U+1F642)", "reads English"]),
        ("नमस्ते", &["'न' (U+0928)", "reads English"]),
    ];
    run_on_runtime(async {
        let house = House::new();
        let voice = house.reader().await.id;
        let before = house.kept().await;
        for (text, parts) in cases {
            check(&house.live(voice, text).await.unwrap_err(), text, parts);
            assert_eq!(house.kept().await, before, "{text} left something behind");
        }
        for (text, parts) in cases {
            let job = house.queued(voice, text).await.unwrap();
            check(&job.output().await.unwrap_err(), text, parts);
            let job = job.ended().await.unwrap();
            assert_eq!((job.state, job.attempt), (JobState::Failed, 1), "what cannot be read is not tried again");
            assert_eq!(house.kept().await.blobs, before.blobs, "{text} left audio behind");
        }
    });
}

#[test]
fn a_long_text_with_one_unreadable_word_leaves_no_part_of_its_speech() {
    run_on_runtime(async {
        let house = House::new();
        let voice = house.reader().await.id;
        let before = house.kept().await;
        let text = format!("{} Then she said 你好 to him.", "The rain fell on the old roof all night. ".repeat(14));
        let job = house.queued(voice, &text).await.unwrap();
        check(&job.output().await.unwrap_err(), "the last sentence", &["'你' (U+4F60)"]);
        assert_eq!(house.closed().await.blobs, before.blobs);
    });
}
