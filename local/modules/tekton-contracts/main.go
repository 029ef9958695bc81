// Command tekton-contracts asks Tekton's own code about declared objects, without a cluster: `validate` whether they are
// valid, `deliver` what a webhook starts. Both read JSON on standard input and write JSON on standard output.
package main

import (
	"encoding/json"
	"fmt"
	"os"
)

// input is what both commands read.
type input struct {
	Objects    []json.RawMessage `json:"objects"`
	Deliveries []delivery        `json:"deliveries"`
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
	default:
		err = fmt.Errorf("usage: tekton-contracts validate | deliver")
	}
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(out)
}
