package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

func ask(method, path, body string) *httptest.ResponseRecorder {
	recorder := httptest.NewRecorder()
	routes().ServeHTTP(recorder, httptest.NewRequest(method, path, strings.NewReader(body)))
	return recorder
}

func TestHealth(t *testing.T) {
	assert.Equal(t, http.StatusOK, ask(http.MethodGet, "/healthz", "").Code)
}

func TestFrequent(t *testing.T) {
	assert.JSONEq(t, `[{"word": "b", "count": 2}, {"word": "a", "count": 1}]`, ask(http.MethodPost, "/frequent", "b a b").Body.String())
}

func TestTooLarge(t *testing.T) {
	assert.Equal(t, http.StatusRequestEntityTooLarge, ask(http.MethodPost, "/frequent", strings.Repeat("a ", 1<<20)).Code)
}
