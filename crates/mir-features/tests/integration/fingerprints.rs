//! The identities of the published front ends. A failure here means that caches and checkpoints would
//! no longer be recognised: revert, or raise the number in `DOMAIN` because the computation changed.

use mir_features::{Fingerprinted, FrontEndConfig, LogMel, LogMelConfig};

#[test]
fn the_presets_keep_their_fingerprints() {
    for (name, config, expected) in [
        ("hw3", LogMelConfig::hw3(), "81050f379269c77cc632767a9731bde4"),
        ("jongwook", LogMelConfig::jongwook(), "faba0737fb410574931f41195f7d6a54"),
        ("magenta", LogMelConfig::magenta(), "dc30f4efdc456be9458a94ae2c3da486"),
        ("hpt", LogMelConfig::hpt(), "036a7be8f83d65413d291078f80c7162"),
    ] {
        assert_eq!(config.fingerprint().unwrap().to_string(), expected, "{name}");
        assert_eq!(
            FrontEndConfig::LogMel(config.clone()).fingerprint().unwrap(),
            LogMel::new(config).unwrap().fingerprint(),
        );
    }
    assert_eq!(LogMelConfig::default(), LogMelConfig::jongwook());
}
