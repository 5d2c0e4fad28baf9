//! How well voices are found in noise.
use std::ops::Range;

use super::{
    mixes::{self, Mix, Noise},
    speech::{Speech, SpeechRule},
    vad::{Frame, VoiceDetection},
};

fn frames(samples: &[f32]) -> Vec<Frame> {
    let mut detector = VoiceDetection::default().start(mixes::RATE).unwrap();
    samples.chunks(1_152).for_each(|block| detector.push(block).unwrap());
    detector.finish().unwrap()
}

/// Harmonic mean of precision and recall of the frames, over several mixes.
fn f1(noise: Noise, ratio: f64) -> f64 {
    let (mut hits, mut wrong) = (0.0, 0.0);
    for variant in 0..6 {
        let Mix { samples, labels } = mixes::mix(noise, ratio, variant);
        let heard = frames(&samples);
        assert_eq!(heard.len(), labels.len());
        for (frame, label) in heard.iter().zip(labels) {
            match (frame.voice >= 0.5, label) {
                (true, true) => hits += 2.0,
                (false, false) => {}
                _ => wrong += 1.0,
            }
        }
    }
    hits / (hits + wrong)
}

fn speech(samples: &[f32]) -> Speech {
    SpeechRule::default().apply(&frames(samples))
}

#[test]
fn voices_are_told_from_noise_and_from_a_bed_of_music() {
    for (noise, ratio, least) in [(Noise::Pink, 5.0, 0.97), (Noise::Music, 20.0, 0.98), (Noise::Music, 10.0, 0.95)] {
        let score = f1(noise, ratio);
        assert!(score >= least, "{noise:?} at {ratio} dB: {score}");
    }
}

#[test]
fn noise_and_music_alone_are_no_speech() {
    for noise in [Noise::Pink, Noise::White, Noise::Hum, Noise::Music] {
        for variant in 0..3 {
            let heard = speech(&mixes::alone(noise, 20, variant));
            assert!(heard.stretches.is_empty(), "{noise:?}: {} s", heard.seconds());
        }
    }
}

#[test]
fn no_speech_of_a_hundred_mixes_is_cut_off() {
    let noises =
        [(Noise::Pink, 5.0), (Noise::White, 5.0), (Noise::Hum, 5.0), (Noise::Music, 10.0), (Noise::Babble, 10.0)];
    for (noise, least) in noises {
        for variant in 0..20_u8 {
            let ratio = least + f64::from(variant % 5) * 5.0;
            let Mix { samples, labels } = mixes::mix(noise, ratio, usize::from(variant));
            let heard = speech(&samples);
            let lost = labels.iter().enumerate().filter(|(at, label)| **label && !kept(&heard, *at)).count();
            assert_eq!(lost, 0, "frames of mix {variant}, {noise:?} at {ratio} dB");
        }
    }
}

#[test]
fn the_ratio_of_voice_to_noise_is_that_of_the_mix() {
    for noise in [Noise::Pink, Noise::White, Noise::Hum] {
        for ratio in [5.0, 10.0, 20.0, 30.0] {
            for variant in 0..2 {
                let measured = speech(&mixes::mix(noise, ratio, variant).samples).snr_db().unwrap();
                assert!((measured - ratio).abs() < 3.0, "{noise:?} at {ratio} dB: {measured}");
            }
        }
    }
}

/// Whether a frame lies in the stretches with what a clip keeps around them: 0.15 s before and 0.3 s after.
fn kept(speech: &Speech, at: usize) -> bool {
    let (lead, tail) = (9, 18);
    speech.stretches.iter().any(|s: &Range<usize>| (s.start.saturating_sub(lead)..s.end + tail).contains(&at))
}
