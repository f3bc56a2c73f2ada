//go:build !go1.25

package main

import (
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/elliptic"
	"math/big"

	"github.com/go-json-experiment/json"
)

// What toolchain.go has, for the article's Go 1.22 and the JSON library of its
// day, which always writes strings with escapes of its own choosing.

var preserveStrings = json.JoinOptions()

func parseP256Point(point []byte) (*ecdsa.PublicKey, error) {
	if _, err := ecdh.P256().NewPublicKey(point); err != nil { // is it on the curve?
		return nil, err
	}
	x, y := point[1:1+p256CoordinateBytes], point[1+p256CoordinateBytes:]
	return &ecdsa.PublicKey{
		Curve: elliptic.P256(),
		X:     new(big.Int).SetBytes(x),
		Y:     new(big.Int).SetBytes(y),
	}, nil
}
