package unary

import "encoding/binary"

// Frames of HTTP/2 (RFC 9113, 6), and what this client says about itself.
const (
	frameData         = 0
	frameHeaders      = 1
	framePriority     = 2
	frameRST          = 3
	frameSettings     = 4
	framePushPromise  = 5
	framePing         = 6
	frameGoAway       = 7
	frameWindowUpdate = 8
	frameContinuation = 9

	flagEndStream  = 0x1 // of DATA and HEADERS
	flagAck        = 0x1 // of SETTINGS and PING
	flagEndHeaders = 0x4
	flagPadded     = 0x8
	flagPriority   = 0x20

	settingTableSize     = 1
	settingPush          = 2
	settingMaxStreams    = 3
	settingWindow        = 4
	settingMaxFrame      = 5
	settingMaxHeaderList = 6

	errNone               = 0
	errRefusedStream      = 7
	errCancel             = 8
	errEnhanceYourCalm    = 11
	errInadequateSecurity = 12

	frameHeadSize   = 9
	defaultWindow   = 65535
	defaultMaxFrame = 16 << 10
	maxWindow       = 1<<31 - 1
	maxStreamID     = 1<<31 - 1

	preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
)

// frame is the head of one.
type frame struct {
	length      int
	kind, flags byte
	stream      uint32
}

func (f frame) has(flag byte) bool { return f.flags&flag != 0 }

func parseFrame(b *[frameHeadSize]byte) frame {
	return frame{
		length: int(b[0])<<16 | int(b[1])<<8 | int(b[2]),
		kind:   b[3], flags: b[4],
		stream: binary.BigEndian.Uint32(b[5:]) & maxStreamID,
	}
}

func appendFrame(b []byte, f frame) []byte {
	b = append(b, byte(f.length>>16), byte(f.length>>8), byte(f.length), f.kind, f.flags)
	return binary.BigEndian.AppendUint32(b, f.stream)
}

func appendSetting(b []byte, id uint16, value uint32) []byte {
	return binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint16(b, id), value)
}

func appendWindowUpdate(b []byte, stream, n uint32) []byte {
	b = appendFrame(b, frame{length: 4, kind: frameWindowUpdate, stream: stream})
	return binary.BigEndian.AppendUint32(b, n)
}

func appendReset(b []byte, stream, code uint32) []byte {
	b = appendFrame(b, frame{length: 4, kind: frameRST, stream: stream})
	return binary.BigEndian.AppendUint32(b, code)
}
