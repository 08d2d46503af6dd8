//! Prints a request in hexadecimal, as generated messages write it.
#![allow(dead_code, clippy::all)]
use prost::Message;

mod v1 {
    include!(concat!(env!("OUT_DIR"), "/antiphon.v1.rs"));
}

fn main() {
    let part = v1::Part { content: Some(v1::part::Content::Text("Why is the sky blue?".into())) };
    let message = v1::Message { role: v1::Role::User as i32, parts: vec![part], partial: false };
    let sampling = v1::Sampling { temperature: Some(0.5), ..Default::default() };
    let request = v1::ChatRequest {
        model: "chat".into(),
        messages: vec![message],
        sampling: Some(sampling),
        ..Default::default()
    };
    let bytes = request.encode_to_vec();
    println!("{}", bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>());
}
