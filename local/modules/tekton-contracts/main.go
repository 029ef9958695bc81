// Command tekton-contracts asks Tekton's own code about declared objects, without a cluster: `validate` whether they are
// valid, `deliver` what a webhook starts, `substitute` what becomes of a text with variables. All read JSON on standard input and write JSON on standard output.
package main

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/tektoncd/pipeline/pkg/substitution"
)

// input is what the commands read.
type input struct {
	Objects    []json.RawMessage `json:"objects"`
	Deliveries []delivery        `json:"deliveries"`
	Texts      []string          `json:"texts"`
	Variables  map[string]string `json:"variables"`
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func run(arguments []string) error {
	var in input
	if err := json.NewDecoder(os.Stdin).Decode(&in); err != nil {
		return fmt.Errorf("standard input is no JSON: %w", err)
	}
	var out any
	var err error
	switch {
	case len(arguments) == 1 && arguments[0] == "validate":
		out, err = validate(in.Objects)
	case len(arguments) == 1 && arguments[0] == "deliver":
		out, err = deliverAll(in.Objects, in.Deliveries)
	case len(arguments) == 1 && arguments[0] == "substitute":
		texts := []string{}
		for _, text := range in.Texts {
			texts = append(texts, substitution.ApplyReplacements(text, in.Variables))
		}
		out = texts
	default:
		err = fmt.Errorf("usage: tekton-contracts validate | deliver | substitute")
	}
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(out)
}
