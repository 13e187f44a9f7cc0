// An OpAMP server with opamp-go: opamp-go ADDRESS. Every message of an agent is a line of JSON on standard output. A line on
// standard input is a ServerToAgent in JSON: it is sent to the agent over WebSocket at once, over HTTP as the next answer.
package main

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"os"
	"sync"

	"github.com/open-telemetry/opamp-go/protobufs"
	"github.com/open-telemetry/opamp-go/server"
	"github.com/open-telemetry/opamp-go/server/types"
	"google.golang.org/protobuf/encoding/protojson"
)

type logger struct{}

func (logger) Debugf(_ context.Context, format string, v ...any) {}
func (logger) Errorf(_ context.Context, format string, v ...any) {
	fmt.Fprintf(os.Stderr, format+"\n", v...)
}

var (
	lock    sync.Mutex
	agent   types.Connection
	waiting []*protobufs.ServerToAgent
)

func onMessage(_ context.Context, conn types.Connection, message *protobufs.AgentToServer) *protobufs.ServerToAgent {
	lock.Lock()
	defer lock.Unlock()
	line, _ := protojson.Marshal(message)
	fmt.Println(string(line))
	agent = conn
	answer := &protobufs.ServerToAgent{InstanceUid: message.InstanceUid}
	if len(waiting) > 0 {
		answer, waiting = waiting[0], waiting[1:]
		answer.InstanceUid = message.InstanceUid
	}
	return answer
}

func main() {
	callbacks := types.ConnectionCallbacks{
		OnMessage:         onMessage,
		OnConnectionClose: func(types.Connection) { fmt.Println(`{"closed": true}`) },
	}
	s := server.New(logger{})
	err := s.Start(server.StartSettings{
		ListenEndpoint: os.Args[1],
		Settings: server.Settings{Callbacks: types.Callbacks{
			OnConnecting: func(*http.Request) types.ConnectionResponse {
				return types.ConnectionResponse{Accept: true, ConnectionCallbacks: callbacks}
			},
		}},
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(`{"ready": true}`)
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		message := &protobufs.ServerToAgent{}
		if err := protojson.Unmarshal(lines.Bytes(), message); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		lock.Lock()
		if agent == nil || agent.Send(context.Background(), message) != nil {
			waiting = append(waiting, message)
		}
		lock.Unlock()
	}
}
