#![no_main]

use libfuzzer_sys::fuzz_target;
use wardbell_properties::Target;

fuzz_target!(|data: &[u8]| Target::ModelFile.check(data));
