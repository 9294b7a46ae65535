package guardtest

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net/netip"
	"os"
	"strconv"
	"strings"
)

// describeSocket describes the socket with this inode, as far as the kernel's
// tables list it. It returns "" if they do not.
func describeSocket(inode string) string {
	for _, table := range []string{"tcp", "tcp6", "udp", "udp6", "unix"} {
		// These tables are long on a machine with very many connections, but only a
		// failing test reads them.
		text, err := os.ReadFile("/proc/self/net/" + table)
		if err != nil {
			continue
		}
		if s := findSocket(table, string(text), inode); s != "" {
			return s
		}
	}
	return ""
}

// tcpStates are the states of include/net/tcp_states.h.
var tcpStates = map[string]string{
	"01": "established", "02": "connecting", "03": "being accepted", "04": "closing (FIN_WAIT1)",
	"05": "closing (FIN_WAIT2)", "06": "closed (TIME_WAIT)", "07": "not connected",
	"08": "closed by the peer but not by this process (CLOSE_WAIT)", "09": "closing (LAST_ACK)", "0A": "listening", "0B": "closing",
}

// findSocket looks up a socket in the text of one of the tables. Their formats are
// in proc_net_tcp.rst of the kernel's documentation and in proc_net(5).
func findSocket(table, text, inode string) string {
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if table == "unix" {
			// Num RefCount Protocol Flags Type St Inode Path
			if len(f) >= 7 && f[6] == inode {
				if len(f) == 7 {
					return "a Unix socket without a name"
				}
				return "a Unix socket at " + f[7]
			}
			continue
		}
		// sl local_address rem_address st queues timer retransmits uid timeout inode
		if len(f) < 10 || f[9] != inode {
			continue
		}
		local, remote := socketAddress(f[1]), socketAddress(f[2])
		protocol := strings.ToUpper(strings.TrimSuffix(table, "6"))
		state := ""
		if protocol == "TCP" {
			if state = tcpStates[f[3]]; state != "" {
				state = ", " + state
			}
			if f[3] == "0A" {
				return fmt.Sprintf("TCP on %s%s", local, state)
			}
		}
		return fmt.Sprintf("%s from %s to %s%s", protocol, local, remote, state)
	}
	return ""
}

// socketAddress parses '0100007F:1F90': words of 32 bits in native byte order, and
// a port.
func socketAddress(s string) string {
	address, port, _ := strings.Cut(s, ":")
	b, err := hex.DecodeString(address)
	n, perr := strconv.ParseUint(port, 16, 16)
	if err != nil || perr != nil || len(b) != 4 && len(b) != 16 {
		return s
	}
	for i := 0; i < len(b); i += 4 {
		binary.BigEndian.PutUint32(b[i:], binary.NativeEndian.Uint32(b[i:]))
	}
	ip, _ := netip.AddrFromSlice(b)
	return netip.AddrPortFrom(ip.Unmap(), uint16(n)).String()
}
