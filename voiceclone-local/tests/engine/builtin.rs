//! A recording in, a sentence in its voice out: live, as a job, slower and faster, and again.
#![expect(clippy::cast_precision_loss, reason = "counts of samples")]
use voiceclone_core::{
    audio::{AudioBody, Container, DecodeLimits, Pcm, decode, from_s16_bytes},
    domain::{JobOutput, SpokenAudio},
    engine::Speech,
    id::SampleId,
    mark::MetadataMarker,
    speak::SpeakRequest,
    testkit::run_on_runtime,
};
use voiceclone_local::analysis::ClipAnalysis;

use super::house::House;

const SENTENCE: &str = "The harbour lights went out one by one, and nobody on the pier said a word.";
const RATE: u32 = 24_000;

/// Median pitch of the recording, hertz, by pyworld 0.3 `harvest`.
const READER_PITCH: f32 = 93.6;

impl House {
    async fn say(&self, request: SpeakRequest) -> Speech {
        self.engine.speak(&self.owner, request).await.unwrap()
    }

    async fn heard(&self, request: SpeakRequest) -> Vec<u8> {
        let mut speech = self.say(request).await;
        assert_eq!((speech.format().sample_rate(), speech.format().channels()), (RATE, 1));
        let mut bytes = Vec::new();
        while let Some(audio) = speech.next_audio().await.unwrap() {
            bytes.extend_from_slice(&audio);
        }
        bytes
    }

    async fn rendered(&self, request: SpeakRequest) -> (SpokenAudio, AudioBody) {
        let job = self.engine.submit(&self.owner, request, None).await.unwrap();
        let JobOutput::Speech(spoken) = job.output().await.unwrap() else { panic!("the job made no speech") };
        let audio = self.engine.audio(&self.owner, job.id(), None).await.unwrap();
        (spoken, AudioBody::spool(audio.chunks, u64::MAX).await.unwrap())
    }
}

fn sentence(voice: SampleId) -> SpeakRequest {
    SpeakRequest::new(voice, SENTENCE).unwrap()
}

fn seconds(pcm: &[u8]) -> f64 {
    (pcm.len() / 2) as f64 / f64::from(RATE)
}

fn median_pitch(samples: &[f32]) -> f32 {
    let mut pitch: Vec<f32> = ClipAnalysis::of(samples, RATE).unwrap().pitch().flatten().collect();
    pitch.sort_by(f32::total_cmp);
    pitch[pitch.len() / 2]
}

fn pcm_of(wav: &AudioBody) -> Pcm {
    decode(wav, None, &DecodeLimits::unlimited()).unwrap().0
}

#[test]
fn a_sentence_lasts_as_long_as_a_person_takes_and_is_as_high_as_the_recording() {
    run_on_runtime(async {
        let house = House::new();
        let speech = house.heard(sentence(house.reader().await.id)).await;
        // Readers take 12 to 20 characters a second.
        let rate = SENTENCE.len() as f64 / seconds(&speech);
        assert!((11.0..21.0).contains(&rate), "{rate} characters a second");
        let pitch = median_pitch(&from_s16_bytes(&speech).unwrap());
        let off = 12.0 * (pitch / READER_PITCH).log2();
        assert!(off.abs() < 1.5, "{pitch} Hz are {off} semitones from the recording's {READER_PITCH} Hz");
    });
}

#[test]
fn a_job_makes_the_same_speech_with_its_provenance() {
    run_on_runtime(async {
        let house = House::new();
        let sample = house.reader().await;
        let live = house.heard(sentence(sample.id)).await;
        for container in [Container::Wav, Container::Flac] {
            let (spoken, body) = house.rendered(sentence(sample.id).container(container)).await;
            let pcm = pcm_of(&body);
            assert!(pcm.samples() == from_s16_bytes(&live).unwrap(), "the job's samples are those of the live speech");
            assert_eq!((spoken.bytes, spoken.duration), (body.len(), pcm.duration()));
            assert_eq!((spoken.provider.as_str(), &spoken.instead_of), ("builtin", &None));
            let mark = MetadataMarker::read(&body).await.unwrap().unwrap();
            assert_eq!((mark.provider.as_str(), mark.consents.as_slice()), ("builtin", [sample.consent.id].as_slice()));
            assert!(spoken.key.as_str().contains(&mark.id), "{} is the job of {}", mark.id, spoken.key);
        }
    });
}

#[test]
fn the_same_request_gives_the_same_bytes() {
    run_on_runtime(async {
        let (one, other) = (House::new(), House::new());
        let (mine, theirs) = (one.reader().await.id, other.reader().await.id);
        let first = one.heard(sentence(mine)).await;
        assert!(first == one.heard(sentence(mine)).await, "again by the same engine");
        assert!(first == other.heard(sentence(theirs)).await, "by another engine");
        assert!(first != one.heard(sentence(mine).seed(7)).await, "another seed");
    });
}

#[test]
fn twice_the_speed_takes_half_the_time() {
    run_on_runtime(async {
        let house = House::new();
        let voice = house.reader().await.id;
        let plain = seconds(&house.heard(sentence(voice)).await);
        for speed in [0.5_f32, 2.0] {
            let taken = seconds(&house.heard(sentence(voice).speed(speed)).await);
            let ratio = taken * f64::from(speed) / plain;
            // The shortest sounds cannot be halved: each keeps a whole frame of the network.
            assert!((0.85..1.2).contains(&ratio), "{taken} s at {speed}, {plain} s at 1");
        }
        let error = house.engine.speak(&house.owner, sentence(voice).speed(3.0)).await.unwrap_err();
        assert!(error.message().contains("0.5"), "{}", error.message());
    });
}

/// More listeners leave than there are cores; if any of them left its work behind, the last would wait for ever.
#[test]
fn a_listener_who_leaves_makes_room_for_the_next() {
    run_on_runtime(async {
        let house = House::new();
        let voice = house.reader().await.id;
        let long = SpeakRequest::new(voice, SENTENCE.repeat(3)).unwrap();
        let cores = std::thread::available_parallelism().unwrap().get();
        for _ in 0..2 {
            let mut speeches = Vec::new();
            for _ in 0..cores {
                let mut speech = house.say(long.clone()).await;
                assert!(speech.next_audio().await.unwrap().is_some());
                speeches.push(speech);
            }
        }
        assert!(!house.heard(sentence(voice)).await.is_empty());
    });
}
