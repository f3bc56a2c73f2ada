package main

import (
	"math"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/golang-jwt/jwt/v5"
)

// claims are the claims we look at. The types of the jwt library would match
// names without regard to case and cut times down to whole seconds.
type claims struct {
	Issuer    string         `json:"iss"`
	Audience  audience       `json:"aud"`
	Expires   jsontext.Value `json:"exp"`
	NotBefore jsontext.Value `json:"nbf"`
}

// audience is one string or an array of strings.
type audience []string

// UnmarshalJSON accepts both forms.
func (a *audience) UnmarshalJSON(text []byte) error {
	if jsontext.Value(text).Kind() == '"' {
		*a = make(audience, 1)
		return json.Unmarshal(text, &(*a)[0])
	}
	return json.Unmarshal(text, (*[]string)(a))
}

// The methods of jwt.Claims.

func (c *claims) GetIssuer() (string, error)                      { return c.Issuer, nil }
func (c *claims) GetAudience() (jwt.ClaimStrings, error)          { return jwt.ClaimStrings(c.Audience), nil }
func (c *claims) GetExpirationTime() (*jwt.NumericDate, error)    { return numericDate(c.Expires) }
func (c *claims) GetNotBefore() (*jwt.NumericDate, error)         { return numericDate(c.NotBefore) }
func (c *claims) GetIssuedAt() (date *jwt.NumericDate, err error) { return nil, nil } // not looked at
func (c *claims) GetSubject() (subject string, err error)         { return "", nil }  // not looked at

// numericDate converts seconds since 1970, with fractions. No value is no
// date; a value of another type than number is an error.
func numericDate(value jsontext.Value) (*jwt.NumericDate, error) {
	if value == nil {
		return nil, nil
	}
	if value.Kind() != '0' {
		return nil, jwt.ErrInvalidType
	}
	seconds, err := strconv.ParseFloat(string(value), 64)
	if err != nil {
		return nil, err
	}
	// Far beyond any sensible date, still within what time.Time can hold.
	const furthest = 1 << 40
	whole, fraction := math.Modf(max(-furthest, min(seconds, furthest)))
	return &jwt.NumericDate{Time: time.Unix(int64(whole), int64(fraction*float64(time.Second)))}, nil
}
