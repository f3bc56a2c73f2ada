package main

import (
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
)

func TestInvalidMessages(t *testing.T) {
	replace := func(old, new string) string { return strings.Replace(testMessage, old, new, 1) }
	for name, text := range map[string]string{
		"nothing":             ``,
		"null":                `null`,
		"array":               `[` + testMessage + `]`,
		"trailing byte":       testMessage + `]`,
		"byte order mark":     "\xef\xbb\xbf" + testMessage,
		"missing member":      replace(`"region":"eu-west",`, ``),
		"missing payload":     replace(`,"payload":[1]`, ``),
		"null payload":        replace(`[1]`, ` null`),
		"null id":             replace(`"m-1"`, `null`),
		"null attribute":      replace(`"gold"`, `null`),
		"number as attribute": replace(`"gold"`, `1`),
		"unknown member":      replace(`{"id"`, `{"more":1,"id"`),
		"name in other case":  replace(`"id"`, `"ID"`),
		"empty id":            replace(`"m-1"`, `""`),
		"long id":             replace(`m-1`, strings.Repeat("é", maxIDRunes+1)),
		"priority 10":         replace(`:5`, `:10`),
		"priority -1":         replace(`:5`, `:-1`),
		"priority as text":    replace(`:5`, `:"5"`),
		"bad UTF-8 inside":    replace(`[1]`, "[\"\xff\"]"),
		"bad payload":         replace(`[1]`, `[01]`),
	} {
		if err := new(message).parse([]byte(text)); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// A message is used again for the next request: nothing may shine through.
func TestParseForgetsTheMessageBefore(t *testing.T) {
	var m message
	long := strings.Replace(testMessage, "[1]", `{"secret":"s"}`, 1)
	if err := m.parse([]byte(long)); err != nil {
		t.Fatal(err)
	}
	for _, member := range []string{`"id":"m-1",`, `"attributes":{"tier":"gold"},`, `,"payload":[1]`} {
		if err := m.parse([]byte(strings.Replace(testMessage, member, "", 1))); err == nil {
			t.Errorf("accepted without %s", member)
		}
	}
	if err := m.parse([]byte(testMessage)); err != nil {
		t.Fatal(err)
	}
	got, err := json.Marshal(&m, encoding)
	if err != nil || string(got) != testMessage {
		t.Errorf("got %s (%v), want %s", got, err, testMessage)
	}
}

func TestPayloadStaysAsItWas(t *testing.T) {
	payload := `{"big":9007199254740991,"huge":1e300,"twice":1,"twice":2,"null":null}`
	var m message
	if err := m.parse([]byte(strings.Replace(testMessage, "[1]", payload, 1))); err != nil {
		t.Fatal(err)
	}
	got, err := json.Marshal(&m, encoding)
	if err != nil || !strings.Contains(string(got), payload) {
		t.Errorf("got %s (%v), want it to contain %s", got, err, payload)
	}
}
