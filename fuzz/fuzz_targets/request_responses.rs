#![no_main]

use libfuzzer_sys::fuzz_target;
use wardbell_llm::dialect::Dialect;
use wardbell_properties::Target;

fuzz_target!(|data: &[u8]| Target::Request(Dialect::Responses).check(data));
