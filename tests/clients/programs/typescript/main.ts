// Calls the service through clients that protoc-gen-es has generated, over gRPC. Argument: host:port
import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { InferenceService } from "./gen/antiphon/v1/inference_service_pb.js";
import { Role } from "./gen/antiphon/v1/chat_pb.js";

const client = createClient(InferenceService, createGrpcTransport({ baseUrl: `http://${process.argv[2]}` }));
const messages = [{ role: Role.USER, parts: [{ content: { case: "text" as const, value: "Why is the sky blue?" } }] }];

let text: string[] = [];
for await (const { event } of client.chat({ model: "chat", messages })) {
  if (event.case === "delta") text.push(...event.value);
  if (event.case === "handover") text.length = event.value.keepChars;
  if (event.case === "finished" && event.value.totalChars !== BigInt(text.length)) throw new Error("characters are missing");
}
console.log(text.join(""));
const whole = await client.complete({ model: "chat", messages });
console.log(whole.text, whole.finished?.attempts);
console.log((await client.listModels({})).models.map((model) => model.name).join(" "));
