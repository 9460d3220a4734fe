// Reads what a model server written in Go would read: encoding/json into a struct, mime/multipart into a form.
// One JSON object a line on standard input, one on standard output.
package main

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"mime"
	"mime/multipart"
	"os"
)

type question struct {
	Kind        string `json:"kind"`
	ContentType string `json:"contentType"`
	Body        string `json:"body"`
}

type request struct {
	Model     string          `json:"model"`
	Stream    bool            `json:"stream"`
	MaxTokens *int            `json:"max_tokens"`
	N         *int            `json:"n"`
	APIBase   string          `json:"api_base"`
	Models    []string        `json:"models"`
	Messages  json.RawMessage `json:"messages"`
}

type answer struct {
	Error  string              `json:"error,omitempty"`
	Model  *string             `json:"model"`
	Stream *bool               `json:"stream,omitempty"`
	Max    *int                `json:"max_tokens,omitempty"`
	N      *int                `json:"n,omitempty"`
	Base   string              `json:"api_base,omitempty"`
	Fields map[string][]string `json:"fields,omitempty"`
	Files  map[string][]string `json:"files,omitempty"`
}

func readJSON(body []byte) answer {
	var read request
	if err := json.NewDecoder(bytes.NewReader(body)).Decode(&read); err != nil {
		return answer{Error: err.Error()}
	}
	return answer{Model: &read.Model, Stream: &read.Stream, Max: read.MaxTokens, N: read.N, Base: read.APIBase}
}

func readForm(contentType string, body []byte) answer {
	_, parameters, err := mime.ParseMediaType(contentType)
	if err != nil {
		return answer{Error: err.Error()}
	}
	form, err := multipart.NewReader(bytes.NewReader(body), parameters["boundary"]).ReadForm(64 << 20)
	if err != nil {
		return answer{Error: err.Error()}
	}
	found := answer{Fields: form.Value, Files: map[string][]string{}}
	for name, files := range form.File {
		for _, file := range files {
			opened, err := file.Open()
			if err != nil {
				return answer{Error: err.Error()}
			}
			var content bytes.Buffer
			content.ReadFrom(opened)
			found.Files[name] = append(found.Files[name], base64.StdEncoding.EncodeToString(content.Bytes()))
		}
	}
	if models := form.Value["model"]; len(models) > 0 {
		found.Model = &models[0]
	}
	return found
}

func main() {
	lines := bufio.NewReaderSize(os.Stdin, 1<<20)
	out := json.NewEncoder(os.Stdout)
	for {
		line, err := lines.ReadBytes('\n')
		if len(line) == 0 && err != nil {
			return
		}
		var asked question
		if err := json.Unmarshal(line, &asked); err != nil {
			out.Encode(answer{Error: "question: " + err.Error()})
			continue
		}
		body, _ := base64.StdEncoding.DecodeString(asked.Body)
		if asked.Kind == "json" {
			out.Encode(readJSON(body))
		} else {
			out.Encode(readForm(asked.ContentType, body))
		}
	}
}
