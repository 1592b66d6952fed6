//! Integration tests of mir-datasets.
//!
//! What the crate promises of the data sets, and which test holds it (`datasets::` is left out; those in
//! brackets lie elsewhere). Tests on real files skip without `MIR_TEST_DATA`.
//!
//! | promise | test |
//! |---|---|
//! | 1 every index is read and written back unchanged; validation finds what is listed | `index::every_index_is_written_back_unchanged_and_validation_finds_what_it_should` |
//! | 2 MAESTRO: rows, splits, years, hours of three versions | `maestro::the_published_tables_have_the_published_counts` |
//! | 2 the six files that version 3 lacks, 312 changes of split | `maestro::what_changed_between_the_versions` |
//! | 2 CSV and both forms of JSON, LF and CRLF | `maestro::all_forms_of_a_table_hold_the_same_rows` |
//! | 3 MAPS: notes, samples, minutes of 38 recordings | `maps::all_38_recordings_decode_and_last_as_long_as_published`, `maps::the_test_recordings_have_the_published_notes`, `maps::the_small_training_folder_loses_one_recording_to_the_overlap_rule` |
//! | 3 the five forms of names, there and back | (`loaders::maps::recording`) `names_of_all_forms_are_taken_apart_and_put_together` |
//! | 3 triples of the original release; tables with commas above and tabs below | `maps::the_original_release_is_found_by_itself`, `maps::single_notes_and_chords_come_on_request_and_are_in_no_split`, `maps::splits_share_neither_piece_nor_piano` |
//! | 4 MusicNet: table, labels, `end_beat`, programs | `notes::the_table_of_musicnet_has_the_published_counts`, `notes::an_excerpt_of_the_labels_of_musicnet` |
//! | 4 MusicNet-EM; pickled objects refused; one HDF5 file | `notes::the_notes_of_musicnet_em`, `notes::pickled_objects_are_not_read`, `notes::packed::one_file_holds_all_of_musicnet`, `notes::musicnet_at_16_khz` |
//! | 5 MedleyDB: rows, voiced shares, grid, reversal, YAML texts | `melody::medleydb_has_the_rows_and_voiced_shares_of_its_melodies`, `melody::pitch_files_of_medleydb_come_to_a_grid_without_losing_a_voiced_row`, `melody::the_metadata_of_medleydb_are_texts` |
//! | 6 ORCHSET: flags follow the header | `melody::the_flags_of_orchset_follow_the_header` |
//! | 7 iKala: channels, frame centres, first pitch, mixture | `melody::ikala_has_the_accompaniment_on_the_left_and_the_voice_on_the_right` |
//! | 8 RWC: positions, times, an empty CHORUS, doubled downbeats | `structure::the_beats_of_rwc_count_from_each_downbeat`, `structure::pieces_of_rwc_genre_in_miniature` |
//! | 9 every field of the small sets | `structure::a_song_of_the_beatles`, `structure::the_sections_of_salami`, `structure::a_clip_of_gtzan`, `structure::songs_of_billboard`, `structure::the_sections_of_billboard`, `notes::the_takes_of_groove_midi`, `structure::clips_of_giantsteps`, `structure::a_quartet_of_haydn` |
//! | 10 Bach10: shapes, counts, residual in dB | `multitrack::the_chorales_of_bach10_have_the_published_shapes_and_counts`, `multitrack::the_stems_of_bach10_sum_to_its_mixture_up_to_a_residual` |
//! | 11 MUSDB18: five equal streams in order | `multitrack::a_song_of_musdb18_has_five_equal_streams` |
//! | 11 the published museval scores within 0.1 dB | (workspace, `museval_scores`) `the_published_scores_of_the_musdb_sample_come_out` |
//! | 12 Slakh: stems without audio, groups, splits | `multitrack::slakh_leaves_out_what_was_not_rendered_and_takes_its_splits_from_the_folders` |
//! | 13 GuitarSet: counts of the full JAMS | `structure::guitarset_has_the_counts_of_its_full_file_in_both_forms_of_data` |
//! | 14 what leaks in the published splits | `splits::the_leak_validator_finds_exactly_what_is_known_to_leak` |
//! | 15 names in archives, hostile and cut archives | `archive::both_zips_with_names_of_other_systems_give_the_right_names`, `archive::entries_that_lead_out_of_the_folder_are_refused_and_nothing_is_left`, `archive::an_archive_that_ends_too_early_leaves_nothing` |
//! | 16 drawn splits | (`splits::random`) `ten_items_are_cut_at_one_and_three_and_always_alike`, `a_group_stays_together_and_nothing_is_lost`, `a_drawn_split_is_pinned` |
//! | 17 no loader panics | `robust` (all), `maps::files_of_the_original_release_cut_anywhere_do_no_harm`, `notes::packed::the_one_file_cut_anywhere_does_no_harm`, `rwc_instruments::what_is_no_scale_or_no_annotation_is_refused` |
#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

#[cfg(feature = "archive")]
mod archive;
mod build;
mod contrastive;
#[cfg(all(feature = "hdf5", unix))]
mod crash;
mod datasets;
#[cfg(feature = "download")]
mod download;
mod excerpts;
mod index;
#[cfg(feature = "hdf5")]
mod interchange;
mod loader;
mod maestro;
mod maps;
mod mini;
mod sampled;
mod splits;
mod store;
mod support;
mod synthetic;
mod windows;
