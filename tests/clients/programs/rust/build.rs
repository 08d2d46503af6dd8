//! Generates the messages from a FileDescriptorSet, so that no protoc is needed.
use prost::Message;

fn main() {
    println!("cargo:rerun-if-changed=contract.binpb");
    let bytes = std::fs::read("contract.binpb").expect("buf build has written it");
    let set = prost_types::FileDescriptorSet::decode(bytes.as_slice()).expect("it is a FileDescriptorSet");
    prost_build::Config::new().compile_fds(set).expect("it compiles");
}
