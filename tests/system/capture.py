"""Reads the lab's captures (pcap, ns stamps, raw IP) and the DNS in them."""

import dataclasses
import ipaddress
import struct

UDP, ICMP, ICMP6 = 17, 1, 58


@dataclasses.dataclass
class Packet:
    stamp_ns: int
    source: str
    destination: str
    protocol: int
    payload: bytes            # of IP
    source_port: int = 0
    destination_port: int = 0
    data: bytes = b""         # of UDP


def packets(path):
    """Every whole packet of a capture."""
    with open(path, "rb") as file:
        content = file.read()
    magic, = struct.unpack_from(">I", content)
    order = ">" if magic == 0xA1B23C4D else "<"
    at = 24
    while at + 16 <= len(content):
        seconds, nanos, length, _ = struct.unpack_from(order + "IIII", content, at)
        at += 16
        if at + length > len(content):
            return
        packet = _parse(seconds * 10**9 + nanos, content[at:at + length])
        at += length
        if packet:
            yield packet


def _parse(stamp, octets):
    version = octets[0] >> 4
    if version == 4:
        header, protocol = (octets[0] & 15) * 4, octets[9]
        source, destination = octets[12:16], octets[16:20]
    elif version == 6:
        header, protocol = 40, octets[6]
        source, destination = octets[8:24], octets[24:40]
    else:
        return None
    packet = Packet(stamp, str(ipaddress.ip_address(source)), str(ipaddress.ip_address(destination)), protocol,
                    octets[header:])
    if protocol == UDP and len(packet.payload) >= 8:
        packet.source_port, packet.destination_port = struct.unpack_from(">HH", packet.payload)
        packet.data = packet.payload[8:]
    return packet


@dataclasses.dataclass
class Message:
    """A DNS message, as far as tests look at it."""
    id: int
    response: bool
    name: str
    type: int
    addresses: tuple


def _name(data, at):
    labels, end = [], None
    for _ in range(128):
        length = data[at]
        if length >= 0xC0:
            end = end or at + 2
            at = (length & 0x3F) << 8 | data[at + 1]
        elif length == 0:
            return ".".join(labels).lower(), end or at + 1
        else:
            labels.append(data[at + 1:at + 1 + length].decode("ascii", "replace"))
            at += 1 + length
    raise ValueError("a name in a loop")


def dns(data):
    """The message in a UDP payload; None when it is not one."""
    try:
        ident, flags, questions, answers = struct.unpack_from(">HHHH", data)
        name, at = _name(data, 12)
        rtype, _ = struct.unpack_from(">HH", data, at)
        at += 4
        addresses = []
        for _ in range(answers):
            _, at = _name(data, at)
            kind, _, _, length = struct.unpack_from(">HHIH", data, at)
            at += 10
            if kind in (1, 28):
                addresses.append(str(ipaddress.ip_address(data[at:at + length])))
            at += length
    except (struct.error, IndexError, ValueError):
        return None
    return Message(ident, bool(flags & 0x8000), name, rtype, tuple(addresses)) if questions == 1 else None


def arrivals(path, server_port=53):
    """{(client address, name): [(stamp_ns, address)]}: every answer to a client, in the order it reached them."""
    found = {}
    for packet in packets(path):
        if packet.protocol != UDP or packet.source_port != server_port:
            continue
        message = dns(packet.data)
        if message and message.response and message.addresses:
            found.setdefault((packet.destination, message.name), []).append((packet.stamp_ns, message.addresses[0]))
    return found
