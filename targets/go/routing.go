package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
)

const maxPartitions = 65536

// routingTable is an ordered list of rules; the first that matches decides. It
// does not change once made, so it is shared without a lock.
type routingTable struct {
	version int
	rules   []rule
}

// rule sends what fits its topic and conditions to one of the partitions of a
// destination.
type rule struct {
	name        string
	topic       topicPattern
	regions     []string // nil: any
	minPriority int
	attributes  map[string]string // all of them, with these values
	destination string
	partitions  uint64
}

// The routing table file. Pointers tell a missing member from a zero.
type (
	tableFile struct {
		Version *int       `json:"version"`
		Rules   []ruleFile `json:"rules"`
	}
	ruleFile struct {
		Name        string         `json:"name"`
		Topic       string         `json:"topic"`
		When        conditionsFile `json:"when"`
		Destination string         `json:"destination"`
		Partitions  int            `json:"partitions"`
	}
	conditionsFile struct {
		Regions     []string          `json:"regions"`
		MinPriority int               `json:"min_priority"`
		Attributes  map[string]string `json:"attributes"`
	}
)

// parseTable compiles the text of a routing table file. The error says which
// rule is at fault.
func parseTable(text []byte) (*routingTable, error) {
	var file tableFile
	if err := json.Unmarshal(text, &file, json.RejectUnknownMembers(true)); err != nil {
		return nil, err
	}
	if file.Version == nil || *file.Version < 0 {
		return nil, errors.New("version must be an integer from 0")
	}
	if len(file.Rules) == 0 {
		return nil, errors.New("there must be at least one rule")
	}
	table := &routingTable{version: *file.Version, rules: make([]rule, 0, len(file.Rules))}
	names := make(map[string]bool, len(file.Rules))
	for i, r := range file.Rules {
		if err := r.check(); err != nil {
			return nil, fmt.Errorf("rule %d (%q): %w", i+1, r.Name, err)
		}
		if names[r.Name] {
			return nil, fmt.Errorf("rule %d (%q): the name is taken", i+1, r.Name)
		}
		names[r.Name] = true
		table.rules = append(table.rules, r.compile())
	}
	return table, nil
}

func (r ruleFile) check() error {
	switch {
	case r.Name == "":
		return errors.New("name must not be empty")
	case r.Topic == "":
		return errors.New("topic must not be empty")
	case r.Destination == "":
		return errors.New("destination must not be empty")
	case r.Partitions < 1 || r.Partitions > maxPartitions:
		return fmt.Errorf("partitions must be from 1 to %d", maxPartitions)
	}
	return nil
}

func (r ruleFile) compile() rule {
	return rule{
		name:        r.Name,
		topic:       compilePattern(r.Topic),
		regions:     r.When.Regions,
		minPriority: r.When.MinPriority,
		attributes:  r.When.Attributes,
		destination: r.Destination,
		partitions:  uint64(r.Partitions),
	}
}

// find returns the first rule for a valid message, or nil.
func (t *routingTable) find(topic string, m *message) *rule {
	var buffer [16]string // keeps the words of all but the longest topics off the heap
	words := appendWords(buffer[:0], topic)
	for i := range t.rules {
		if r := &t.rules[i]; r.matches(words, m) {
			return r
		}
	}
	return nil
}

func (r *rule) matches(words []string, m *message) bool {
	if *m.Priority < r.minPriority || !r.topic.matches(words) {
		return false
	}
	if r.regions != nil && !slices.Contains(r.regions, *m.Region) {
		return false
	}
	for name, want := range r.attributes {
		if got := m.Attributes[name]; got == nil || *got != want {
			return false
		}
	}
	return true
}

// partition is FNV-1a (64 bit) of id modulo the partitions of the rule.
func (r *rule) partition(id string) uint64 { return fnv1a64(id) % r.partitions }

// fnv1a64 is hash/fnv's New64a for a string, without the allocations.
// http://www.isthe.com/chongo/tech/comp/fnv/
func fnv1a64(text string) uint64 {
	const offset, prime = 14695981039346656037, 1099511628211
	hash := uint64(offset)
	for i := range len(text) {
		hash = (hash ^ uint64(text[i])) * prime
	}
	return hash
}

// topicPattern is a topic's words, of which "*" stands for exactly one word
// and "#" for any number of them, none included.
type topicPattern []string

func compilePattern(pattern string) topicPattern {
	return appendWords(nil, pattern)
}

func appendWords(words []string, topic string) []string {
	for {
		word, rest, more := strings.Cut(topic, ".")
		words = append(words, word)
		if !more {
			return words
		}
		topic = rest
	}
}

// matches walks both lists once. At a "#" it first takes no word; whenever the
// walk fails later, the most recent "#" takes one word more.
func (p topicPattern) matches(words []string) bool {
	at, word := 0, 0
	hash, resume := -1, 0 // the latest "#", and the word to try after it
	for word < len(words) {
		switch {
		case at < len(p) && p[at] == "#":
			hash, resume = at, word
			at++
		case at < len(p) && (p[at] == "*" || p[at] == words[word]):
			at++
			word++
		case hash >= 0:
			resume++
			at, word = hash+1, resume
		default:
			return false
		}
	}
	for at < len(p) && p[at] == "#" {
		at++
	}
	return at == len(p)
}
