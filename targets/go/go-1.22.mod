module message-router

go 1.22

require (
	github.com/go-json-experiment/json v0.0.0-20240524174822-2d9f40f7385b
	github.com/golang-jwt/jwt/v5 v5.3.1
	github.com/gorilla/mux v1.8.1
)
