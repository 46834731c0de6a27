"""Trace files as lists of events, read by decoders that are not ours, and what must hold of every one.

A native file is decoded by protoc, which learns what the fields are from the table in doc/TRACE.md; what is not in
that table is wrong. A JSON file is read by Python's json.
"""

import json
import re
import subprocess
import tempfile
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
    """[(message, field, number, encoding)] from the rows of doc/TRACE.md."""
    row = re.compile(r'\| (\w+) \| (\w+) \| (\d+) \| (\w+) \|\n')
    table = [match.groups() for match in map(row.fullmatch, open(page)) if match]
    need(table, page + ' has no table of fields')
    return table


def schema(table):
    """The table as protoc reads it. A field that it lacks, or with another encoding, is printed as a number."""
    types = {'varint': 'uint64', 'fixed64': 'fixed64', 'string': 'string'}
    text = 'syntax = "proto2";\n'
    for message in dict.fromkeys(row[0] for row in table):
        text += 'message %s {\n' % message
        for _, field, number, encoding in [row for row in table if row[0] == message]:
            text += '  repeated %s %s = %s;\n' % (types.get(encoding, encoding), field, number)
        text += '}\n'
    return text


def parse_text(text):
    """protoc's output as {field: [values]}: numbers, texts, or the same again."""
    stack = [{}]
    for line in text.splitlines():
        line = line.strip()
        if line == '}':
            stack.pop()
            continue
        field = line.split(' ', 1)[0].rstrip(':')
        need(not field.isdigit(), 'there is a field %s that the table of field numbers lacks' % field)
        if line.endswith('{'):
            value = {}
        elif line.endswith('"'):
            value = re.sub(r'\\(.)', r'\1', line.split(': ', 1)[1][1:-1])
        else:
            value = int(line.split(': ', 1)[1])
        stack[-1].setdefault(field, []).append(value)
        if line.endswith('{'):
            stack.append(value)
    need(len(stack) == 1, 'protoc printed something unbalanced')
    return stack[0]


def decode(path, page):
    with tempfile.TemporaryDirectory() as folder, open(path, 'rb') as file:
        with open(folder + '/trace.proto', 'w') as proto:
            proto.write(schema(field_table(page)))
        result = subprocess.run(['protoc', '--decode=Trace', '-I', folder, 'trace.proto'], stdin=file,
                                capture_output=True, text=True)
    need(result.returncode == 0, 'protoc cannot decode it: ' + result.stderr)
    return parse_text(result.stdout)['packet']


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
    packets = decode(path, page)
    events, processes, tracks = [], {}, {}
    need(one(packets[0], 'sequence_flags') == 1, 'the first packet does not say that state is cleared')
    for packet in packets:
        need(one(packet, 'trusted_packet_sequence_id') == 1, 'a packet is of no sequence')
        if 'track_descriptor' in packet:
            need(not events, 'a track is named after the first event')
            native_track(one(packet, 'track_descriptor'), processes, tracks)
            continue
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
    processes, tracks, events = {}, {}, []
    for event in json.load(open(path))['traceEvents']:
        pid, tid, phase = event['pid'], event['tid'], event['ph']
        if phase == 'M':
            need(not events, 'a track is named after the first event')
            names = processes if event['name'] == 'process_name' else tracks
            key = pid if names is processes else (pid, tid)
            need(key not in names, 'a track is named twice')
            names[key] = event['args']['name']
            continue
        need((pid, tid) in tracks and pid in processes, 'an event is on a track that has no name')
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

def check(events):
    """Monotone times, balanced slices, both ends of each arrow; returns slices as (event, its end)."""
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
    need(running, 'nobody ever ran')
    return slices


def arrows(events):
    """[(from event, to event)] in the order of their ends."""
    begun = {}
    result = []
    for event in events:
        for flow, ends in event.flows:
            if ends:
                result.append((begun[flow], event))
            else:
                begun[flow] = event
    return result
