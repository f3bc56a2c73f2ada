package main

import (
	"errors"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

const (
	maxIDRunes  = 64
	maxPriority = 9
)

// message is what callers send and get back. Pointers tell a member that is
// missing or null from one that is empty; in a valid message none is nil. The
// payload is opaque: checked to be JSON, but never looked into.
type message struct {
	ID         *string            `json:"id"`
	Type       *string            `json:"type"`
	Priority   *int               `json:"priority"`
	Region     *string            `json:"region"`
	Attributes map[string]*string `json:"attributes"`
	Payload    jsontext.Value     `json:"payload"`
}

var (
	// The JSON library is strict by itself: names are case-sensitive, invalid
	// UTF-8 and trailing bytes are refused. Duplicate names are left to
	// whoever gives the payload a meaning.
	decoding = json.JoinOptions(
		json.RejectUnknownMembers(true),
		jsontext.AllowDuplicateNames(true),
	)
	// The payload goes out as it came in, without a look at its strings.
	encoding = json.JoinOptions(
		json.Deterministic(true), // the same message always gives the same bytes
		jsontext.AllowDuplicateNames(true),
		preserveStrings,
	)
)

var errInvalidMessage = errors.New("a member is missing, null or out of range")

// parse sets m to the message in text, reusing the payload's memory. It fails
// when text is not JSON or not a valid message; m is then of no use.
func (m *message) parse(text []byte) error {
	*m = message{Payload: m.Payload[:0]}
	if err := json.Unmarshal(text, m, decoding); err != nil {
		return err
	}
	if !m.valid() {
		return errInvalidMessage
	}
	return nil
}

func (m *message) valid() bool {
	if m.ID == nil || m.Type == nil || m.Priority == nil || m.Region == nil || m.Attributes == nil {
		return false
	}
	for _, value := range m.Attributes {
		if value == nil {
			return false
		}
	}
	// Kind is 'n' for null, and 0 for a payload that is not there.
	payload := m.Payload.Kind()
	return *m.ID != "" && utf8.RuneCountInString(*m.ID) <= maxIDRunes &&
		*m.Priority >= 0 && *m.Priority <= maxPriority &&
		payload != 'n' && payload != 0
}

// mustMarshal is for values of our own types, which always have a JSON form.
func mustMarshal(value any) []byte {
	text, err := json.Marshal(value)
	if err != nil {
		panic(err)
	}
	return text
}
