package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"encoding/base64"
	"errors"
	"fmt"
	"math/big"
	"os"

	"github.com/go-json-experiment/json"
)

const (
	p256CoordinateBytes = 32
	minModulusBits      = 2048 // RFC 7518, section 3.3
)

// keySet holds the public keys of one algorithm by their kid.
type keySet map[string]crypto.PublicKey

// jwk is a JSON Web Key (RFC 7517) with the members of the types we know.
// Others are left unread.
type jwk struct {
	Type      string `json:"kty"`
	ID        string `json:"kid"`
	Use       string `json:"use"`
	Algorithm string `json:"alg"`
	Curve     string `json:"crv"`
	X         string `json:"x"`
	Y         string `json:"y"`
	Modulus   string `json:"n"`
	Exponent  string `json:"e"`
}

// loadKeys reads a JWKS file and keeps what algorithm can use. Keys of other
// types are ignored; a damaged key, a kid that is there twice, or no usable
// key at all is an error.
func loadKeys(path, algorithm string) (keySet, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var file struct {
		Keys []jwk `json:"keys"`
	}
	if err := json.Unmarshal(text, &file); err != nil {
		return nil, err
	}
	keys := make(keySet)
	for _, k := range file.Keys {
		if !k.usableFor(algorithm) {
			continue
		}
		key, err := k.publicKey()
		if err != nil {
			return nil, fmt.Errorf("key %q: %w", k.ID, err)
		}
		if _, taken := keys[k.ID]; taken {
			return nil, fmt.Errorf("key %q is there twice", k.ID)
		}
		keys[k.ID] = key
	}
	if len(keys) == 0 {
		return nil, fmt.Errorf("no key with a kid that is usable for %s", algorithm)
	}
	return keys, nil
}

func (k jwk) usableFor(algorithm string) bool {
	if k.ID == "" || k.Use != "" && k.Use != "sig" || k.Algorithm != "" && k.Algorithm != algorithm {
		return false
	}
	switch algorithm {
	case algorithmES256:
		return k.Type == "EC" && k.Curve == "P-256"
	case algorithmRS256:
		return k.Type == "RSA"
	}
	return false
}

func (k jwk) publicKey() (crypto.PublicKey, error) {
	if k.Type == "EC" {
		return p256Key(k.X, k.Y)
	}
	return rsaKey(k.Modulus, k.Exponent)
}

func p256Key(xText, yText string) (*ecdsa.PublicKey, error) {
	x, errX := decodeSegment(xText)
	y, errY := decodeSegment(yText)
	if errX != nil || errY != nil || len(x) != p256CoordinateBytes || len(y) != p256CoordinateBytes {
		return nil, errors.New("x and y must be 32 bytes in base64url")
	}
	const uncompressed = 4 // SEC 1, section 2.3.4
	return parseP256Point(append(append([]byte{uncompressed}, x...), y...))
}

func rsaKey(modulusText, exponentText string) (*rsa.PublicKey, error) {
	n, errN := decodeSegment(modulusText)
	e, errE := decodeSegment(exponentText)
	if errN != nil || errE != nil {
		return nil, errors.New("n and e must be base64url")
	}
	modulus, exponent := new(big.Int).SetBytes(n), new(big.Int).SetBytes(e)
	if modulus.BitLen() < minModulusBits {
		return nil, fmt.Errorf("n has fewer than %d bits", minModulusBits)
	}
	if exponent.BitLen() < 2 || exponent.BitLen() > 31 || exponent.Bit(0) == 0 {
		return nil, errors.New("e must be odd, above 1 and below 2^31")
	}
	return &rsa.PublicKey{N: modulus, E: int(exponent.Int64())}, nil
}

// decodeSegment decodes unpadded base64url and refuses stray bits at the end.
func decodeSegment(text string) ([]byte, error) {
	return base64.RawURLEncoding.Strict().DecodeString(text)
}
