package main

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"

	"github.com/distribution/distribution/v3/registry/auth"
)

func init() {
	if err := auth.Register("rights", newRights); err != nil {
		panic(err)
	}
}

// rule is what a user may do to repositories whose names begin with a prefix: pull, push, delete.
type rule struct {
	Prefix  string   `json:"prefix"`
	Actions []string `json:"actions"`
}

// user has a password that is long and random, so that a plain hash keeps it, and rules of which the first that fits decides.
type user struct {
	SHA256 string `json:"sha256"`
	Rules  []rule `json:"rules"`
}

// rights are the users by name.
type rights struct {
	realm string
	users map[string]user
}

// newRights reads the option `path`, a JSON file of users. What is not in it is not allowed.
func newRights(options map[string]any) (auth.AccessController, error) {
	realm, _ := options["realm"].(string)
	path, _ := options["path"].(string)
	if realm == "" || path == "" {
		return nil, errors.New(`the access controller "rights" needs "realm" and "path"`)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	made := &rights{realm: realm}
	if err := json.Unmarshal(text, &made.users); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return made, nil
}

// Authorized grants a request whose every access is allowed to the user that it names.
func (r *rights) Authorized(request *http.Request, accesses ...auth.Access) (*auth.Grant, error) {
	name, password, _ := request.BasicAuth()
	found, known := r.users[name]
	hash := sha256.Sum256([]byte(password))
	same := subtle.ConstantTimeCompare([]byte(hex.EncodeToString(hash[:])), []byte(found.SHA256)) == 1
	if !known || !same {
		return nil, refusal{r.realm, "who is it?"}
	}
	for _, access := range accesses {
		if !found.allows(access) {
			return nil, refusal{r.realm, fmt.Sprintf("%s may not %s %s", name, access.Action, access.Name)}
		}
	}
	return &auth.Grant{User: auth.UserInfo{Name: name}}, nil
}

func (u user) allows(access auth.Access) bool {
	if access.Type != "repository" {
		return false
	}
	for _, rule := range u.Rules {
		if strings.HasPrefix(access.Name, rule.Prefix) {
			return slices.Contains(rule.Actions, access.Action)
		}
	}
	return false
}

// refusal is answered with 401, as the specification wants it for a missing right as well.
type refusal struct{ realm, reason string }

func (r refusal) Error() string { return r.reason }

func (r refusal) SetHeaders(_ *http.Request, w http.ResponseWriter) {
	w.Header().Set("WWW-Authenticate", fmt.Sprintf("Basic realm=%q", r.realm))
}
