package words_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"example.com/acme/words/internal/words"
)

func TestFrequent(t *testing.T) {
	found := words.Frequent("The cat, the dog and the bird. A cat!", 2)
	assert.Equal(t, []words.Count{{"the", 3}, {"cat", 2}}, found)
}

func TestFrequentOfNothing(t *testing.T) {
	assert.Empty(t, words.Frequent(" -- ", 3))
}
