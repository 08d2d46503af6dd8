// One example for each RPC. The stubs come from `buf generate` (see buf.gen.yaml); run: go run . [host:port]
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"os"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/types/known/durationpb"

	antiphonv1 "antiphon/gen/go/antiphon/v1"
)

func question(text string) []*antiphonv1.Message {
	part := &antiphonv1.Part{Content: &antiphonv1.Part_Text{Text: text}}
	return []*antiphonv1.Message{{Role: antiphonv1.Role_ROLE_USER, Parts: []*antiphonv1.Part{part}}}
}

// --- Chat
func chat(ctx context.Context, client antiphonv1.InferenceServiceClient) error {
	stream, err := client.Chat(ctx, &antiphonv1.ChatRequest{Model: "chat", Messages: question("Why is the sky blue?")})
	if err != nil {
		return err
	}
	var answer []rune
	for {
		response, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			fmt.Println(string(answer))
			return nil
		} else if err != nil {
			return err
		}
		switch event := response.Event.(type) {
		case *antiphonv1.ChatResponse_Delta:
			answer = append(answer, []rune(event.Delta)...)
		case *antiphonv1.ChatResponse_Handover:
			answer = answer[:event.Handover.KeepChars]
		}
	}
}

// --- Complete
func complete(ctx context.Context, client antiphonv1.InferenceServiceClient) error {
	answer, err := client.Complete(ctx, &antiphonv1.ChatRequest{Model: "chat", Messages: question("Why is the sky blue?")})
	if err != nil {
		return err
	}
	fmt.Println(answer.Text, answer.Finished.Usage.CompletionTokens)
	return nil
}

// --- Image
func image(ctx context.Context, client antiphonv1.InferenceServiceClient) error {
	stream, err := client.Image(ctx, &antiphonv1.ImageRequest{Model: "image", Prompt: "a red fox in snow"})
	if err != nil {
		return err
	}
	var file []byte
	for {
		response, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			fmt.Println(len(file), "bytes")
			return nil
		} else if err != nil {
			return err
		}
		file = append(file, response.GetChunk()...)
	}
}

// --- Embed
func embed(ctx context.Context, client antiphonv1.InferenceServiceClient) error {
	made, err := client.Embed(ctx, &antiphonv1.EmbedRequest{Model: "embed", Inputs: []string{"a red fox", "a blue whale"}})
	if err != nil {
		return err
	}
	fmt.Println(len(made.Embeddings), len(made.Embeddings[0].Values))
	return nil
}

// --- Transcribe
func transcribe(ctx context.Context, client antiphonv1.InferenceServiceClient, path string) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	audio := &antiphonv1.Audio{MimeType: "audio/ogg", Data: data}
	said, err := client.Transcribe(ctx, &antiphonv1.TranscribeRequest{Model: "transcribe", Audio: audio})
	if err != nil {
		return err
	}
	fmt.Println(said.Language, said.Text)
	return nil
}

// --- CountTokens
func countTokens(ctx context.Context, client antiphonv1.InferenceServiceClient) error {
	counted, err := client.CountTokens(ctx, &antiphonv1.CountTokensRequest{Model: "chat", Messages: question("Why?")})
	if err != nil {
		return err
	}
	fmt.Println(counted.Tokens, counted.Estimated)
	return nil
}

// --- ListModels
func listModels(ctx context.Context, client antiphonv1.InferenceServiceClient) error {
	listed, err := client.ListModels(ctx, &antiphonv1.ListModelsRequest{Task: antiphonv1.Task_TASK_CHAT})
	if err != nil {
		return err
	}
	for _, model := range listed.Models {
		fmt.Println(model.Name, model.Available)
	}
	return nil
}

// --- GetUsage
func getUsage(ctx context.Context, client antiphonv1.InferenceServiceClient) error {
	by := []antiphonv1.UsageDimension{antiphonv1.UsageDimension_USAGE_DIMENSION_MODEL}
	used, err := client.GetUsage(ctx, &antiphonv1.GetUsageRequest{GroupBy: by})
	if err != nil {
		return err
	}
	for _, row := range used.Rows {
		fmt.Println(row.Model, row.Requests, row.CostMicros)
	}
	return nil
}

// --- GetStatus
func getStatus(ctx context.Context, client antiphonv1.OperationsServiceClient) error {
	answer, err := client.GetStatus(ctx, &antiphonv1.GetStatusRequest{})
	if err != nil {
		return err
	}
	fmt.Println(answer.Status.Ready, answer.Status.Version)
	return nil
}

// --- WatchStatus
func watchStatus(ctx context.Context, client antiphonv1.OperationsServiceClient) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := client.WatchStatus(ctx, &antiphonv1.WatchStatusRequest{Interval: durationpb.New(250_000_000)})
	if err != nil {
		return err
	}
	first, err := stream.Recv()
	if err != nil {
		return err
	}
	fmt.Println(first.Status.LiveRequests)
	return nil
}

// --- ReloadConfig
func reloadConfig(ctx context.Context, client antiphonv1.OperationsServiceClient) error {
	answer, err := client.ReloadConfig(ctx, &antiphonv1.ReloadConfigRequest{})
	if err != nil {
		return err
	}
	fmt.Println(answer.Changes)
	return nil
}

// --- end
func main() {
	target := "127.0.0.1:50551"
	if len(os.Args) > 1 {
		target = os.Args[1]
	}
	connection, err := grpc.NewClient(target, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		log.Fatal(err)
	}
	defer connection.Close()
	ctx := context.Background()
	inference, operations := antiphonv1.NewInferenceServiceClient(connection), antiphonv1.NewOperationsServiceClient(connection)
	asking := []func(context.Context, antiphonv1.InferenceServiceClient) error{
		chat, complete, image, embed, countTokens, listModels, getUsage,
	}
	for _, ask := range asking {
		if err := ask(ctx, inference); err != nil {
			log.Fatal(err)
		}
	}
	for _, path := range os.Args[min(2, len(os.Args)):] {
		if err := transcribe(ctx, inference, path); err != nil {
			log.Fatal(err)
		}
	}
	for _, look := range []func(context.Context, antiphonv1.OperationsServiceClient) error{getStatus, watchStatus, reloadConfig} {
		if err := look(ctx, operations); err != nil {
			log.Fatal(err)
		}
	}
}
