//go:build go1.25

package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"

	"github.com/go-json-experiment/json/jsontext"
)

// preserveStrings keeps raw strings with the escapes they came with.
var preserveStrings = jsontext.PreserveRawStrings(true)

// parseP256Point checks an uncompressed point and makes it a key.
func parseP256Point(point []byte) (*ecdsa.PublicKey, error) {
	return ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point)
}
