// The official client of OpenAI for Node, as its users use it. Prints each thing that works.
import assert from "node:assert/strict";
import OpenAI, { toFile } from "openai";

const text = process.env.EXPECTED_TEXT;
const messages = [{ role: "user", content: "hi" }];
const client = new OpenAI();

const names = [];
for await (const model of client.models.list()) names.push(model.id);
assert.ok(names.includes("chat") && names.includes("a/ok"));
console.log("models");

const answer = await client.chat.completions.create({ model: "chat", messages });
assert.equal(answer.choices[0].message.content, text);
assert.equal(answer.usage.total_tokens, 53);
assert.ok(answer.id.includes(answer._request_id));
console.log("chat");

// In the route "breaks" the first provider falls silent in mid-answer.
for (const model of ["chat", "breaks"]) {
  const stream = await client.chat.completions.create({ model, messages, stream: true, stream_options: { include_usage: true } });
  let said = "", last;
  for await (const chunk of stream) {
    said += chunk.choices[0]?.delta?.content ?? "";
    last = chunk;
  }
  assert.equal(said, text);
  assert.ok(last.usage.total_tokens >= 53);
}
console.log("stream, over a handover");

const parameters = { type: "object", properties: { city: { type: "string" } }, required: ["city"] };
const tools = [{ type: "function", function: { name: "get_weather", parameters } }];
const asked = (await client.chat.completions.create({ model: "tools", messages, tools })).choices[0].message;
assert.deepEqual(asked.tool_calls.map((call) => JSON.parse(call.function.arguments).city), ["Köln", "Rome"]);
const streamed = (await client.chat.completions.stream({ model: "tools", messages, tools }).finalChatCompletion()).choices[0].message;
assert.deepEqual(streamed.tool_calls.map((call) => call.id), asked.tool_calls.map((call) => call.id));
const results = asked.tool_calls.map((call) => ({ role: "tool", tool_call_id: call.id, content: "sunny" }));
const last = await client.chat.completions.create({ model: "tools", messages: [...messages, asked, ...results], tools });
assert.equal(last.choices[0].message.content, "Sunny in both.");
console.log("tools");

const schema = { type: "object", properties: { answer: { type: "integer" } }, required: ["answer"], additionalProperties: false };
const form = { type: "json_schema", json_schema: { name: "sum", schema, strict: true } };
const document = await client.chat.completions.create({ model: "form", messages, response_format: form });
assert.deepEqual(JSON.parse(document.choices[0].message.content), { answer: 42 });
console.log("structured output");

const made = await client.images.generate({ model: "image", prompt: "a fox", size: "256x256", response_format: "b64_json" });
const file = Buffer.from(made.data[0].b64_json, "base64");
assert.equal(file.subarray(1, 4).toString(), "PNG");
const edited = await client.images.edit({ model: "image", image: await toFile(file, "fox.png", { type: "image/png" }), prompt: "redder" });
assert.ok(edited.data[0].b64_json);
const kinds = new Set();
for await (const event of await client.images.generate({ model: "image", prompt: "a fox", stream: true, partial_images: 1 })) kinds.add(event.type);
assert.ok(kinds.has("image_generation.completed") && kinds.has("image_generation.partial_image"));
console.log("pictures, partial pictures, edits");

const voice = await toFile(Buffer.from(process.env.VOICE, "base64"), "voice.ogg");
assert.equal((await client.audio.transcriptions.create({ model: "whisper-1", file: voice })).text, "Hello there.");
console.log("transcription");

const vectors = await client.embeddings.create({ model: "embed", input: ["one", "two"] });
assert.deepEqual(vectors.data.map((one) => [...one.embedding]), [[1, 2], [3, 4]]);
console.log("embeddings");

for (const [change, kind, code] of [
  [{ model: "cht" }, OpenAI.NotFoundError, "model_not_found"],
  [{ n: 500 }, OpenAI.BadRequestError, "invalid_value"],
  [{ model: "limited" }, OpenAI.RateLimitError, "rate_limit_exceeded"],
  [{ model: "fails" }, OpenAI.InternalServerError, "service_unavailable"],
]) {
  await assert.rejects(client.chat.completions.create({ model: "chat", messages, ...change }), (error) => {
    assert.ok(error instanceof kind, String(error));
    assert.equal(error.code, code);
    return true;
  });
}
await assert.rejects(async () => {
  const stream = await client.chat.completions.create({ model: "lost", messages, stream: true });
  for await (const _ of stream);
}, OpenAI.APIError);
console.log("errors");
