package main

import (
	"strings"
	"testing"
)

func TestTopicPatterns(t *testing.T) {
	for _, c := range []struct {
		pattern, topic string
		want           bool
	}{
		{"a.b", "a.b", true},
		{"a.b", "a.c", false},
		{"a.b", "a", false},
		{"a.b", "a.b.c", false},
		{"a", "ab", false},
		{"*", "a", true},
		{"*", "a.b", false},
		{"a.*", "a.b", true},
		{"a.*", "a", false},
		{"a.*", "a.", true}, // an empty word is a word
		{"*.*.c", "a.b.c", true},
		{"*.*.c", "b.c", false},
		{"#", "a", true},
		{"#", "a.b.c", true},
		{"a.#", "a", true},
		{"a.#", "a.b.c", true},
		{"a.#", "b.a", false},
		{"#.c", "c", true},
		{"#.c", "a.b.c", true},
		{"#.c", "a.c.b", false},
		{"a.#.c", "a.c", true},
		{"a.#.c", "a.c.b.c", true}, // the first c must be given up again
		{"a.#.c", "a.c.b", false},
		{"#.b.#", "b", true},
		{"#.b.#", "a.b.c", true},
		{"#.b.#", "a.c", false},
		{"#.a.#.b", "x.a.y.a.b", true},
		{"#.a.#.b", "b.a", false},
		{"#.*", "a", true},
		{"*.#.*", "a", false},
		{"*.#.*", "a.b", true},
		{"#.#", "a", true},
		{"a.*.#.z", "a.b.z", true},
		{"a.*.#.z", "a.z", false},
		{"a*", "ab", false}, // a star within a word is no wildcard
		{"a*", "a*", true},
	} {
		if got := compilePattern(c.pattern).matches(appendWords(nil, c.topic)); got != c.want {
			t.Errorf("pattern %q, topic %q: %v, want %v", c.pattern, c.topic, got, c.want)
		}
	}
}

// Vectors of the FNV reference implementation (fnv64a in test_fnv.c).
func TestFNV1a64Vectors(t *testing.T) {
	for text, want := range map[string]uint64{
		"":                   0xcbf29ce484222325,
		"a":                  0xaf63dc4c8601ec8c,
		"b":                  0xaf63df4c8601f1a5,
		"foobar":             0x85944171f73967e8,
		"chongo was here!\n": 0x46810940eff5f915,
	} {
		if got := fnv1a64(text); got != want {
			t.Errorf("fnv1a64(%q) = %#x, want %#x", text, got, want)
		}
	}
}

func TestFirstMatchingRuleWins(t *testing.T) {
	table, err := parseTable([]byte(`{"version":7,"rules":[
		{"name":"all","topic":"orders.#","when":{"regions":["eu","us"],"min_priority":5,"attributes":{"tier":"gold","lang":"de"}},"destination":"a","partitions":1},
		{"name":"region","topic":"orders.#","when":{"regions":["eu"]},"destination":"b","partitions":1},
		{"name":"priority","topic":"orders.#","when":{"min_priority":5},"destination":"c","partitions":1},
		{"name":"attribute","topic":"orders.#","when":{"attributes":{"tier":"gold"}},"destination":"d","partitions":1},
		{"name":"nowhere","topic":"orders.#","when":{"regions":[]},"destination":"e","partitions":1},
		{"name":"rest","topic":"orders.#","destination":"f","partitions":1}]}`))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ priority, region, attributes, want string }{
		{"5", "us", `{"tier":"gold","lang":"de","more":"x"}`, "all"},
		{"4", "eu", `{"tier":"gold","lang":"de"}`, "region"},
		{"9", "xx", `{}`, "priority"},
		{"4", "us", `{"tier":"gold"}`, "attribute"},
		{"4", "us", `{"tier":"Gold"}`, "rest"},
	} {
		var m message
		text := `{"id":"1","type":"t","priority":` + c.priority + `,"region":"` + c.region + `","attributes":` + c.attributes + `,"payload":0}`
		if err := m.parse([]byte(text)); err != nil {
			t.Fatal(err)
		}
		if got := table.find("orders.created", &m); got == nil || got.name != c.want {
			t.Errorf("%+v goes to %+v", c, got)
		}
		if got := table.find("payments.created", &m); got != nil {
			t.Errorf("another topic goes to %q", got.name)
		}
	}
}

func TestBadTables(t *testing.T) {
	good := `{"name":"a","topic":"#","destination":"d","partitions":1}`
	for name, text := range map[string]string{
		"empty":                `{}`,
		"not JSON":             `{"version":1`,
		"no version":           `{"rules":[` + good + `]}`,
		"negative version":     `{"version":-1,"rules":[` + good + `]}`,
		"fractional version":   `{"version":1.5,"rules":[` + good + `]}`,
		"no rules":             `{"version":1,"rules":[]}`,
		"unknown member":       `{"version":1,"rules":[` + good + `],"extra":1}`,
		"unknown rule member":  `{"version":1,"rules":[` + strings.Replace(good, `"topic"`, `"extra":1,"topic"`, 1) + `]}`,
		"unknown condition":    `{"version":1,"rules":[` + strings.Replace(good, `"topic"`, `"when":{"x":1},"topic"`, 1) + `]}`,
		"name twice":           `{"version":1,"rules":[` + good + `,` + good + `]}`,
		"no name":              `{"version":1,"rules":[` + strings.Replace(good, `"a"`, `""`, 1) + `]}`,
		"no topic":             `{"version":1,"rules":[` + strings.Replace(good, `"#"`, `""`, 1) + `]}`,
		"no destination":       `{"version":1,"rules":[` + strings.Replace(good, `"d"`, `""`, 1) + `]}`,
		"no partitions":        `{"version":1,"rules":[` + strings.Replace(good, `1}`, `0}`, 1) + `]}`,
		"too many partitions":  `{"version":1,"rules":[` + strings.Replace(good, `1}`, `65537}`, 1) + `]}`,
		"name in another case": `{"version":1,"rules":[` + strings.Replace(good, `"name"`, `"Name"`, 1) + `]}`,
	} {
		if _, err := parseTable([]byte(text)); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if _, err := parseTable([]byte(`{"version":0,"rules":[` + good + `]}`)); err != nil {
		t.Errorf("a good table: %v", err)
	}
}
