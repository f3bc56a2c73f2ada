package main

import (
	"net"
	"net/http"
	"sync"
)

// unusedConnections knows the connections that have not sent a request yet.
// http.Server.Shutdown would give each of them five seconds to do so.
type unusedConnections struct {
	mutex sync.Mutex
	conns map[net.Conn]struct{}
}

func newUnusedConnections() *unusedConnections {
	return &unusedConnections{conns: make(map[net.Conn]struct{})}
}

// track is the server's ConnState hook.
func (u *unusedConnections) track(conn net.Conn, state http.ConnState) {
	if state == http.StateIdle { // it has been used, so it is known no more
		return
	}
	u.mutex.Lock()
	defer u.mutex.Unlock()
	if state == http.StateNew {
		u.conns[conn] = struct{}{}
	} else {
		delete(u.conns, conn)
	}
}

// close ends the connections that are unused now.
func (u *unusedConnections) close() {
	u.mutex.Lock()
	defer u.mutex.Unlock()
	for conn := range u.conns {
		_ = conn.Close() // nothing was sent that could be lost
	}
}
