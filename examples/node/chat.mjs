// Asks Antiphon and prints the answer as it comes:
//   node chat.mjs 127.0.0.1:50551 "Why is the sky blue?"
// ANTIPHON_TOKEN holds the caller's token where the service wants one.
import { fileURLToPath } from "node:url";
import grpc from "@grpc/grpc-js";
import loader from "@grpc/proto-loader";

const [target = "127.0.0.1:50551", question = "Hello!"] = process.argv.slice(2);
const protos = fileURLToPath(new URL("../../proto", import.meta.url));
const definition = loader.loadSync("antiphon/v1/inference_service.proto", { includeDirs: [protos], keepCase: true, longs: Number, enums: String, oneofs: true });
const { antiphon } = grpc.loadPackageDefinition(definition);
const client = new antiphon.v1.InferenceService(target, grpc.credentials.createInsecure());

const metadata = new grpc.Metadata();
if (process.env.ANTIPHON_TOKEN) metadata.set("authorization", `Bearer ${process.env.ANTIPHON_TOKEN}`);
const request = { model: "chat", messages: [{ role: "ROLE_USER", parts: [{ text: question }] }] };
const call = client.Chat(request, metadata, { deadline: Date.now() + 60_000 });

let answer = ""; // the whole rule: append every delta, and on handover cut to keep_chars code points
call.on("data", response => {
  if (response.event === "delta") {
    answer += response.delta;
    process.stdout.write(response.delta);
  } else if (response.event === "handover") {
    answer = [...answer].slice(0, response.handover.keep_chars).join("");
    if (!response.handover.keep_chars) process.stdout.write("\n");
  } else if (response.event === "finished") {
    const whole = [...answer].length === response.finished.total_chars;
    process.stdout.write(`\n-- ${response.finished.deployment}, ${response.finished.total_chars} characters, ${whole ? "whole" : "NOT WHOLE"}\n`);
    process.exitCode = whole ? 0 : 1;
  }
});
call.on("error", error => {
  process.stderr.write(`${grpc.status[error.code]}: ${error.details}\n`);
  process.exitCode = 1;
});
call.on("end", () => client.close());
