// Package words counts what is in a text.
package words

import (
	"cmp"
	"slices"
	"strings"
	"unicode"
)

// Count is a word and how often it is there.
type Count struct {
	Word  string `json:"word"`
	Count int    `json:"count"`
}

// Frequent returns the n most frequent words of a text, the most frequent one first.
func Frequent(text string, n int) []Count {
	counts := map[string]int{}
	for _, word := range strings.FieldsFunc(strings.ToLower(text), func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r)
	}) {
		counts[word]++
	}
	found := make([]Count, 0, len(counts))
	for word, count := range counts {
		found = append(found, Count{word, count})
	}
	slices.SortFunc(found, func(a, b Count) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Word, b.Word))
	})
	return found[:min(n, len(found))]
}
