// Package fakepg is as much of a PostgreSQL server as the cases need: each
// query is answered with the rows that Answer gives.
package fakepg

import (
	"net"
	"strings"

	"github.com/jackc/pgx/v5/pgproto3"
)

// Answer gives the one text column's values for a query.
type Answer func(query string) []string

// Listen serves until the process ends and returns the connection string.
func Listen(answer Answer) string {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go serve(c, answer)
		}
	}()
	return "postgres://app@" + ln.Addr().String() + "/app?sslmode=disable&default_query_exec_mode=simple_protocol"
}

func serve(c net.Conn, answer Answer) {
	defer c.Close()
	b := pgproto3.NewBackend(c, c)
	if _, err := b.ReceiveStartupMessage(); err != nil {
		return
	}
	b.Send(&pgproto3.AuthenticationOk{})
	b.Send(&pgproto3.ParameterStatus{Name: "standard_conforming_strings", Value: "on"})
	b.Send(&pgproto3.ParameterStatus{Name: "client_encoding", Value: "UTF8"})
	b.Send(&pgproto3.BackendKeyData{})
	status := byte('I')
	b.Send(&pgproto3.ReadyForQuery{TxStatus: status})
	if b.Flush() != nil {
		return
	}
	for {
		m, err := b.Receive()
		if err != nil {
			return
		}
		q, ok := m.(*pgproto3.Query)
		if !ok {
			return
		}
		word, _, _ := strings.Cut(strings.ToLower(strings.TrimSpace(q.String)), " ")
		switch word {
		case "begin":
			status = 'T'
			b.Send(&pgproto3.CommandComplete{CommandTag: []byte("BEGIN")})
		case "commit", "rollback":
			status = 'I'
			b.Send(&pgproto3.CommandComplete{CommandTag: []byte(strings.ToUpper(word))})
		case "select":
			b.Send(&pgproto3.RowDescription{Fields: []pgproto3.FieldDescription{{Name: []byte("value"), DataTypeOID: 25, DataTypeSize: -1, TypeModifier: -1}}})
			for _, v := range answer(q.String) {
				b.Send(&pgproto3.DataRow{Values: [][]byte{[]byte(v)}})
			}
			b.Send(&pgproto3.CommandComplete{CommandTag: []byte("SELECT 1")})
		case "", "--":
			b.Send(&pgproto3.EmptyQueryResponse{})
		default:
			b.Send(&pgproto3.CommandComplete{CommandTag: []byte("UPDATE 1")})
		}
		b.Send(&pgproto3.ReadyForQuery{TxStatus: status})
		if b.Flush() != nil {
			return
		}
	}
}
