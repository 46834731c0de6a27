"""Trace files as lists of events, read by decoders that are not ours, and what must hold of every one.

A native file is decoded by `protoc --decode_raw`, which knows of no message; what its numbers are says the table in
doc/TRACE.md, and what is not in that table is wrong. A JSON file is read by Python's json.
"""

import json
import re
import subprocess
from collections import namedtuple

# kind: begin, end, instant. flows: list of (id, ends). track: (process name, thread name).
Event = namedtuple('Event', 'time kind track category name args flows')


class Wrong(Exception):
    pass


def need(condition, why):
    if not condition:
        raise Wrong(why)


# --- the native format ------------------------------------------------------------------------------

def field_table(page):
    """{(message, number): (field, encoding)} from the rows of doc/TRACE.md."""
    row = re.compile(r'\| (\w+) \| (\w+) \| (\d+) \| (\w+) \|\n')
    rows = [match.groups() for match in map(row.fullmatch, open(page)) if match]
    table = {(message, int(number)): (field, encoding) for message, field, number, encoding in rows}
    need(table and len(table) == len(rows), page + ' has no table of fields, or one that contradicts itself')
    return table


def tag(number, wire):
    """The key of a field as it is in the file, a varint."""
    key = number << 3 | wire
    return bytes([key]) if key < 128 else bytes([key & 127 | 128, key >> 7])


# A value as protoc prints it without knowing the message: it sees only how it is encoded.
Raw = namedtuple('Raw', 'encoding value')


def raw_bytes(number, raw):
    """A field inside of a text that protoc took for a message ('interrupt' is one), back as it was."""
    if raw.encoding == 'varint':
        return tag(number, 0) + bytes([raw.value])
    if raw.encoding in ('fixed64', 'fixed32'):
        size = 8 if raw.encoding == 'fixed64' else 4
        return tag(number, 1 if size == 8 else 5) + raw.value.to_bytes(size, 'little')
    inside = as_text(raw)
    if raw.encoding == 'message' and len(inside) < 32: # no letter is a length of less
        return tag(number, 3) + inside + tag(number, 4)
    return tag(number, 2) + bytes([len(inside)]) + inside


def as_text(raw):
    if raw.encoding == 'string':
        return raw.value
    return b''.join(raw_bytes(number, inside) for number, inside in raw.value)


def parse_raw(text):
    """What `protoc --decode_raw` printed, as [(field number, Raw)]."""
    stack = [[]]
    for line in text.splitlines():
        line = line.strip()
        if line == '}':
            stack.pop()
            continue
        number, printed = (line[:-2], None) if line.endswith(' {') else line.split(': ', 1)
        if printed is None:
            raw = Raw('message', [])
        elif printed.startswith('"'):
            raw = Raw('string', printed[1:-1].encode('latin1').decode('unicode_escape').encode('latin1'))
        elif printed.startswith('0x'):
            raw = Raw('fixed64' if len(printed) == 18 else 'fixed32', int(printed, 16))
        else:
            raw = Raw('varint', int(printed))
        stack[-1].append((int(number), raw))
        if printed is None:
            stack.append(raw.value)
    need(len(stack) == 1, 'protoc printed something unbalanced')
    return stack[0]


def interpret(raw, message, table):
    """{field: [values]} of a message, numbers, texts or the same again, as the table says and in no other way."""
    fields = {}
    for number, inside in raw:
        need((message, number) in table, 'the table of field numbers has no field %d of %s' % (number, message))
        name, encoding = table[message, number]
        if encoding == 'string':
            need(inside.encoding in ('string', 'message'), '%s is no text' % name)
            value = as_text(inside).decode()
        elif encoding in ('varint', 'fixed64'):
            need(inside.encoding == encoding, '%s is encoded as %s' % (name, inside.encoding))
            value = inside.value
        else:
            need(inside == Raw('string', b'') or inside.encoding == 'message', '%s is no message' % name)
            value = interpret(inside.value or [], encoding, table)
        fields.setdefault(name, []).append(value)
    return fields


def decode(path, page):
    with open(path, 'rb') as file:
        result = subprocess.run(['protoc', '--decode_raw'], stdin=file, capture_output=True, text=True)
    need(result.returncode == 0, 'protoc cannot decode it: ' + result.stderr)
    return interpret(parse_raw(result.stdout), 'Trace', field_table(page))['packet']


def one(fields, name, default=None):
    values = fields.get(name, [default])
    need(len(values) == 1, name + ' occurs more than once')
    return values[0]


def native_track(descriptor, processes, tracks):
    uuid = one(descriptor, 'uuid')
    need(uuid and uuid not in tracks and uuid not in processes, 'a track has the number of another')
    if 'process' in descriptor:
        process = one(descriptor, 'process')
        processes[uuid] = (one(process, 'pid'), one(process, 'process_name'))
    elif 'thread' in descriptor:
        thread, parent = one(descriptor, 'thread'), one(descriptor, 'parent_uuid')
        need(parent in processes, 'a thread is in a process that does not exist')
        need(processes[parent][0] == one(thread, 'pid'), 'a thread has not the pid of its process')
        need(one(thread, 'tid') not in [t[2] for t in tracks.values()], 'two threads have one tid')
        tracks[uuid] = (processes[parent][1], one(thread, 'thread_name'), one(thread, 'tid'))
    else:
        tracks[uuid] = ('machine', one(descriptor, 'name'), 0)


def native_args(event):
    args = {}
    for annotation in event.get('debug_annotations', []):
        name = one(annotation, 'name')
        need(name not in args, 'an argument occurs twice')
        if 'string_value' in annotation:
            args[name] = one(annotation, 'string_value')
        elif 'pointer_value' in annotation:
            args[name] = '0x%x' % one(annotation, 'pointer_value')
        else:
            args[name] = one(annotation, 'uint_value')
    return args


def read_native(path, page):
    """Packets of a source are of one sequence; there are several sources in the trace of a cluster."""
    packets = decode(path, page)
    events, processes, tracks, begun, sequences = [], {}, {}, False, []
    for packet in packets:
        sequence = one(packet, 'trusted_packet_sequence_id')
        if not sequences or sequences[-1] != sequence:
            need(sequence and sequence not in sequences, 'a packet is of no sequence, or one that was over')
            need(one(packet, 'sequence_flags') == 1, 'the first packet does not say that state is cleared')
            sequences.append(sequence)
            begun = False
        if 'track_descriptor' in packet:
            need(not begun, 'a track is named after the first event')
            native_track(one(packet, 'track_descriptor'), processes, tracks)
            continue
        begun = True
        event = one(packet, 'track_event')
        track = one(event, 'track_uuid')
        need(track in tracks, 'an event is on track %s, which has no name' % track)
        flows = [(n, False) for n in event.get('flow_ids', [])] + \
            [(n, True) for n in event.get('terminating_flow_ids', [])]
        events.append(Event(one(packet, 'timestamp'), {1: 'begin', 2: 'end', 3: 'instant'}[one(event, 'type')],
                            tracks[track], one(event, 'categories'), one(event, 'name'), native_args(event), flows))
    return events


# --- JSON ----------------------------------------------------------------------------------------------

def nanoseconds(event):
    return round(event['ts'] * 1000)


def read_json(path):
    processes, tracks, events, used = {}, {}, [], set()
    for event in json.load(open(path))['traceEvents']:
        pid, tid, phase = event['pid'], event['tid'], event['ph']
        if phase == 'M':
            need(pid not in used, 'a track is named after the first event')
            names = processes if event['name'] == 'process_name' else tracks
            key = pid if names is processes else (pid, tid)
            need(key not in names, 'a track is named twice')
            names[key] = event['args']['name']
            continue
        need((pid, tid) in tracks and pid in processes, 'an event is on a track that has no name')
        used.add(pid)
        if phase in 'sf':
            # It belongs to the instant before it.
            last = events[-1]
            need(last.kind == 'instant' and last.time == nanoseconds(event), 'an arrow has no instant')
            last.flows.append((event['id'], phase == 'f'))
            continue
        track = (processes[pid], tracks[pid, tid], 0 if processes[pid] == 'machine' else tid)
        events.append(Event(nanoseconds(event), {'B': 'begin', 'E': 'end', 'i': 'instant'}[phase], track,
                            event.get('cat'), event.get('name'), event.get('args', {}), []))
    return events


# --- what holds of all of them --------------------------------------------------------------------------

LINK = 1 << 52 # arrows between nodes have numbers from here on


def nodes(events):
    """The events of each node of a cluster, by its name: they are one after the other."""
    result = {}
    for event in events:
        need(': ' in event.track[0], 'a process is of no node: ' + event.track[0])
        result.setdefault(event.track[0].split(': ')[0], []).append(event)
    return result


def check(events, runs=True):
    """Monotone times, balanced slices, both ends of each arrow; returns slices as (event, its end). Of one node: what
    goes to others and comes from them is for links()."""
    last, open_slices, slices, begun, ended = 0, {}, [], {}, set()
    for event in events:
        need(event.time >= last, 'time goes back from %d to %d ns' % (last, event.time))
        last = event.time
        stack = open_slices.setdefault(event.track, [])
        if event.kind == 'begin':
            stack.append(event)
        elif event.kind == 'end':
            need(stack, 'a slice ends on %s that never began' % (event.track,))
            slices.append((stack.pop(), event))
        if event.kind != 'end':
            need(event.name and event.category, 'an event has no name')
        for flow, ends in event.flows:
            if flow >= LINK:
                need(event.category == 'link', 'an arrow goes to another node')
                continue
            need(ends or flow not in begun, 'arrow %d begins twice' % flow)
            need(not ends or (flow in begun and flow not in ended), 'arrow %d ends where it did not begin' % flow)
            if ends:
                ended.add(flow)
            else:
                begun[flow] = event
    for track, stack in open_slices.items():
        need(not stack, 'a slice on %s never ends: %s' % (track, stack))
    need(set(begun) == ended, 'arrows never end: %s' % sorted(set(begun) - ended)[:5])
    running = [e for e in events if e.category == 'sched' and e.track[1] == 'hart 0' and e.kind == 'begin']
    need(bool(running) == runs, 'nobody ever ran' if runs else 'somebody ran')
    return slices


def arrows(events):
    """[(from event, to event)] in the order of their ends; of one node."""
    begun = {}
    result = []
    for event in events:
        for flow, ends in event.flows:
            if flow >= LINK:
                continue
            if ends:
                result.append((begun[flow], event))
            else:
                begun[flow] = event
    return result


def links(events):
    """Between nodes: {arrow: [events that it begins at, events that it ends at]}."""
    result = {}
    for event in events:
        for flow, ends in event.flows:
            if flow >= LINK:
                result.setdefault(flow, ([], []))[ends].append(event)
    return result
