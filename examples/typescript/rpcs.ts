// One example for each RPC, with @grpc/grpc-js and @grpc/proto-loader. Run: npx tsx rpcs.ts [host:port]
import { readFileSync } from "node:fs";
import { promisify } from "node:util";
import { credentials, loadPackageDefinition } from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";

const files = ["antiphon/v1/inference_service.proto", "antiphon/v1/operations_service.proto"];
const contract: any = loadPackageDefinition(
  loadSync(files, { includeDirs: ["../../proto"], keepCase: true, enums: String, longs: Number, oneofs: true }),
);
const target = process.argv[2] ?? "127.0.0.1:50551";
const inference = new contract.antiphon.v1.InferenceService(target, credentials.createInsecure());
const operations = new contract.antiphon.v1.OperationsService(target, credentials.createInsecure());
const ask = (client: any, method: string, request: object): Promise<any> => promisify(client[method].bind(client))(request);
const question = (text: string) => [{ role: "ROLE_USER", parts: [{ text }] }];

// --- Chat
async function chat() {
  let answer: string[] = [];
  for await (const response of inference.Chat({ model: "chat", messages: question("Why is the sky blue?") })) {
    if (response.event === "delta") answer.push(...response.delta);
    if (response.event === "handover") answer = answer.slice(0, response.handover.keep_chars);
  }
  console.log(answer.join(""));
}

// --- Complete
async function complete() {
  const answer = await ask(inference, "Complete", { model: "chat", messages: question("Why is the sky blue?") });
  console.log(answer.text, answer.finished.usage.completion_tokens);
}

// --- Image
async function image() {
  const chunks: Buffer[] = [];
  for await (const response of inference.Image({ model: "image", prompt: "a red fox in snow" })) {
    if (response.event === "chunk") chunks.push(response.chunk);
  }
  console.log(Buffer.concat(chunks).length, "bytes");
}

// --- Embed
async function embed() {
  const made = await ask(inference, "Embed", { model: "embed", inputs: ["a red fox", "a blue whale"] });
  console.log(made.embeddings.length, made.embeddings[0].values.length);
}

// --- Transcribe
async function transcribe(path: string) {
  const audio = { mime_type: "audio/ogg", data: readFileSync(path) };
  const said = await ask(inference, "Transcribe", { model: "transcribe", audio });
  console.log(said.language, said.text);
}

// --- CountTokens
async function countTokens() {
  const counted = await ask(inference, "CountTokens", { model: "chat", messages: question("Why is the sky blue?") });
  console.log(counted.tokens, counted.estimated);
}

// --- ListModels
async function listModels() {
  const listed = await ask(inference, "ListModels", { task: "TASK_CHAT" });
  for (const model of listed.models) console.log(model.name, model.available);
}

// --- GetUsage
async function getUsage() {
  const used = await ask(inference, "GetUsage", { group_by: ["USAGE_DIMENSION_MODEL"] });
  for (const row of used.rows) console.log(row.model, row.requests, row.cost_micros);
}

// --- GetStatus
async function getStatus() {
  const { status } = await ask(operations, "GetStatus", {});
  console.log(status.ready, status.version);
}

// --- WatchStatus
async function watchStatus() {
  const call = operations.WatchStatus({ interval: { nanos: 250_000_000 } });
  for await (const { status } of call) {
    console.log(status.live_requests);
    break;
  }
}

// --- ReloadConfig
async function reloadConfig() {
  console.log((await ask(operations, "ReloadConfig", {})).changes);
}

// --- end
for (const example of [chat, complete, image, embed, countTokens, listModels, getUsage, getStatus, watchStatus]) await example();
for (const path of process.argv.slice(3)) await transcribe(path);
await reloadConfig();
inference.close();
operations.close();
