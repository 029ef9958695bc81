// Cosign with all its commands, without what signs by keys that a cloud keeps: the marks' key is a file.
package main

import (
	"errors"
	"log"
	"os"

	"github.com/sigstore/cosign/v3/cmd/cosign/cli"
	failure "github.com/sigstore/cosign/v3/cmd/cosign/errors"
)

func main() {
	if err := cli.New().Execute(); err != nil {
		log.Printf("error during command execution: %v", err)
		var known *failure.CosignError
		if errors.As(err, &known) {
			os.Exit(known.ExitCode())
		}
		os.Exit(1)
	}
}
