#!/usr/bin/env python3
"""Checks an exported evidence ledger, or a pack of chosen records of one (a folder or a .tar file), without Probity:
python3 verify_evidence.py EXPORT [--key TEXT]

Needs Python 3.9 and the package `cryptography`. Formats: C2SP signed-note, tlog-checkpoint, tlog-tiles; RFC 6962; DSSE; in-toto.
Exit code 0 if everything holds, 1 if not (the first bad entry is named), 2 for wrong use.
"""
import argparse, base64, hashlib, json, pathlib, re, sys, tarfile

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

SPKI = bytes.fromhex("302a300506032b6570032100")  # what stands before an Ed25519 key in a SubjectPublicKeyInfo


class Bad(Exception):
    """The ledger is refused."""


def need(holds, why):
    if not holds:
        raise Bad(why)


def sha(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def unbase64(text):
    raw = base64.b64decode(text, validate=True)
    need(base64.b64encode(raw).decode() == text, "base64 that is not canonical")
    return raw


def tree(hashes):
    """RFC 6962, section 2.1."""
    if len(hashes) < 2:
        return hashes[0] if hashes else sha()
    half = 1 << (len(hashes) - 1).bit_length() - 1
    return sha(b"\1", tree(hashes[:half]), tree(hashes[half:]))


def check(raw_key, signature, message, why):
    try:
        Ed25519PublicKey.from_public_bytes(raw_key).verify(signature, message)
    except (InvalidSignature, ValueError):
        raise Bad(why) from None


def checkpoint(note, vkey):
    """The size and root of a signed checkpoint."""
    name, number, packed = vkey.split("+", 2)
    raw = unbase64(packed)
    need(len(raw) == 33 and raw[0] == 1 and sha(name.encode(), b"\n", raw)[:4].hex() == number, "the verifier key is damaged")
    text, empty, signatures = note.rpartition("\n\n")
    need(empty and signatures.endswith("\n"), "the checkpoint is not a signed note")
    mine = [unbase64(line.split(" ")[2]) for line in signatures.splitlines() if line.startswith(f"\u2014 {name} ")]
    mine = [signature for signature in mine if signature[:4].hex() == number]
    need(mine, "the checkpoint is not signed by the log's key")
    for signature in mine:
        check(raw[1:], signature[4:], (text + "\n").encode(), "the checkpoint's signature is wrong")
    origin, size, root = text.split("\n")[:3]
    need(origin == name and re.fullmatch("0|[1-9][0-9]*", size), "the checkpoint is damaged")
    return int(size), unbase64(root)


def tiles(count):
    """Index, path suffix and width of the tiles that hold this many hashes or entries."""
    for index in range((count + 255) // 256):
        groups = re.findall("...", f"{index:0{(len(str(index)) + 2) // 3 * 3}}")
        width = min(256, count - index * 256)
        yield index, "/".join("x" + group for group in groups[:-1]) + "/" * (len(groups) > 1) + groups[-1] + f".p/{width}" * (width < 256), width


def read_entries(files, size):
    entries = []
    for _, suffix, width in tiles(size):
        data, hashes, at = files.pop(f"tile/entries/{suffix}", b""), files.get(f"tile/0/{suffix}", b""), 0
        for place in range(width):
            end = at + 2 + int.from_bytes(data[at : at + 2], "big")
            need(at + 2 <= len(data) and end <= len(data), f"entry {len(entries)}: missing or cut off in tile/entries/{suffix}")
            fits = sha(b"\0", data[at + 2 : end]) == hashes[place * 32 : place * 32 + 32]
            need(fits, f"entry {len(entries)}: it does not fit its hash in tile/0/{suffix}")
            entries.append(data[at + 2 : end])
            at = end
        need(at == len(data), f"entry {len(entries)}: bytes after the last entry in tile/entries/{suffix}")
    return entries


def check_tiles(files, size, leaves, root):
    right, row, level = tree(leaves) == root, leaves, 0
    while row:
        for index, suffix, width in tiles(len(row)):
            data = files.pop(f"tile/{level}/{suffix}", b"")
            for place, value in enumerate(row[index * 256 : index * 256 + width]):
                entry = (index * 256 + place) << 8 * level
                need(data[place * 32 : place * 32 + 32] == value, f"entry {entry}: it does not fit tile/{level}/{suffix}")
            need(len(data) == 32 * width, f"bytes after the last hash in tile/{level}/{suffix}")
        row, level = [tree(row[at : at + 256]) for at in range(0, len(row) - 255, 256)], level + 1
    return right


def check_record(files, entry, keys, blobs):
    """A record's signature and blobs; its statement."""
    envelope = json.loads(entry)
    payload, kind = unbase64(envelope["payload"]), envelope["payloadType"]
    need(kind == "application/vnd.in-toto+json", "another payload type")
    known = {sha(SPKI, key).hex(): key for key in keys}
    signed = [each for each in envelope["signatures"] if each.get("keyid") in known]
    need(signed, "not signed by a known key")
    message = b"DSSEv1 %d %s %d %s" % (len(kind), kind.encode(), len(payload), payload)
    for each in signed:
        check(known[each["keyid"]], unbase64(each["sig"]), message, "the record's signature is wrong")
    statement = json.loads(payload)
    predicate = statement["predicate"]
    need(statement["_type"] == "https://in-toto.io/Statement/v1", "not an in-toto statement")
    for blob in predicate.get("probity", {}).get("blobs", []):
        digest = blob["digest"]["sha256"]
        if digest not in blobs:
            blobs[digest] = files.pop(f"cas/sha256/{digest[:2]}/{digest[2:]}", None)
        data = blobs[digest]
        need(data is not None, f"its blob {digest} is missing")
        need(sha(data).hex() == digest and len(data) == blob["size"], f"its blob {digest} was changed")
    return statement


def check_records(files, entries, leaves, own_key):
    keys, left, imported, blobs = [own_key], 0, {}, {}
    for index, entry in enumerate(entries):
        try:
            statement = check_record(files, entry, keys, blobs)
            predicate = statement["predicate"]
            if left:  # a record of another ledger, whose tree has to come out whole
                imported[log].append(leaves[index])
                left -= 1
                if not left:
                    need(tree(imported[log]) == other_root, "the imported records are not those of the log they come from")
                    keys = [own_key]
            elif statement["predicateType"] == "https://probity.dev/ledger-import/v1":
                log = predicate["log"]
                other_size, other_root = checkpoint(predicate["checkpoint"], log)
                need(predicate["from"] == len(imported.setdefault(log, [])), "the import does not continue the one before")
                left, keys = other_size - predicate["from"], [unbase64(key) for key in predicate["keys"]]
                need(left > 0, "the import is empty")
        except (Bad, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise Bad(f"entry {index}: {error or type(error).__name__}") from None
    need(not left, f"entry {len(entries)}: imported records are missing")


def climb(leaf, index, size, path):
    """The root that a leaf and the way up from it give: RFC 9162, section 2.1.3.2."""
    node, last, value = index, size - 1, leaf
    need(0 <= index < size, "it proves a place outside the log")
    for other in path:
        need(last, "its way is too long")
        if node & 1 or node == last:
            value = sha(b"\1", other, value)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            value = sha(b"\1", value, other)
        node, last = node >> 1, last >> 1
    need(not last, "its way is too short")
    return value


def check_receipt(text, index, entry, vkey, size, root):
    head, empty, note = text.partition("\n\n")
    first, place, *path = head.split("\n")
    need(empty and first == "c2sp.org/tlog-proof@v1" and place == f"index {index}", "its receipt is no receipt for it")
    need(checkpoint(note, vkey) == (size, root), "its receipt is of another checkpoint")
    need(climb(sha(b"\0", entry), index, size, [unbase64(line) for line in path]) == root, "its receipt does not prove it")


def check_pack(files, vkey, size, root, own_key):
    """Chosen records: signature, blobs and receipt of each; the hashes of the whole log up to the signed root."""
    pack = json.loads(files.pop("pack.json"))
    need(pack["version"] == 1 and pack["log"] == vkey.split("+")[0] and pack["size"] == size, "pack.json is of another log")
    for path, digest in pack["files"].items():
        need("/" not in path, f"{path} is none of the files beside the records")
        need(sha(files.pop(path, b"")).hex() == digest, f"{path} was changed")
    hashes = b"".join(files.get(f"tile/0/{suffix}", b"")[: 32 * width] for _, suffix, width in tiles(size))
    need(len(hashes) == 32 * size, "hashes of the log are missing")
    leaves = [hashes[at : at + 32] for at in range(0, len(hashes), 32)]
    need(check_tiles(files, size, leaves, root), "the hashes do not fit the root that the checkpoint signs")
    blobs, imports = {}, []
    places = [each["index"] for each in pack["records"]]
    need(all(type(index) is int for index in places) and places == sorted(set(places)), "pack.json does not list records in order")
    for each in pack["records"]:
        index = each["index"]
        try:
            entry = files.pop(f"records/{index}.json", None)
            need(entry is not None, "the record is missing")
            need(sha(entry).hex() == each["sha256"], "it is not the record that pack.json lists")
            need(index < size and sha(b"\0", entry) == leaves[index], "it is not the entry of the log at this place")
            check_receipt(files.pop(f"receipts/{index}.tlog-proof", b"").decode(), index, entry, vkey, size, root)
            of_others = [keys for first, last, keys in imports if first <= index <= last]
            statement = check_record(files, entry, of_others[-1] if of_others else [own_key], blobs)
            if not of_others and statement["predicateType"] == "https://probity.dev/ledger-import/v1":
                predicate = statement["predicate"]
                count = checkpoint(predicate["checkpoint"], predicate["log"])[0] - predicate["from"]
                need(count > 0, "the import is empty")
                imports.append((index + 1, index + count, [unbase64(key) for key in predicate["keys"]]))
        except (Bad, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise Bad(f"entry {index}: {error or type(error).__name__}") from None
    return len(places)


def load(path):
    if path.is_dir():
        return {file.relative_to(path).as_posix(): file.read_bytes() for file in sorted(path.rglob("*")) if not file.is_dir()}
    with tarfile.open(path, "r:") as tar:
        members = tar.getmembers()
        need(all(each.isreg() for each in members) and len({each.name for each in members}) == len(members), "not an export")
        return {each.name: tar.extractfile(each).read() for each in members}


def main():
    parser = argparse.ArgumentParser(description="check an exported evidence ledger")
    parser.add_argument("export", type=pathlib.Path)
    parser.add_argument("--key", help="the log's verifier key, name+hash+key, as you know it from elsewhere")
    options = parser.parse_args()
    try:
        files = load(options.export)
        need("log.vkey" in files and "checkpoint" in files, "log.vkey or checkpoint is missing")
        vkey = files.pop("log.vkey").decode()
        need(vkey.endswith("\n") and options.key in (None, vkey[:-1]), "the ledger has another key")
        size, root = checkpoint(files.pop("checkpoint").decode(), vkey[:-1])
        own_key = unbase64(vkey[:-1].split("+", 2)[2])[1:]
        if "pack.json" in files:
            chosen = f"{check_pack(files, vkey[:-1], size, root, own_key)} chosen records of a log of "
        else:
            chosen = ""
            entries = read_entries(files, size)
            leaves = [sha(b"\0", entry) for entry in entries]
            right = check_tiles(files, size, leaves, root)
            check_records(files, entries, leaves, own_key)
            need(right, "entry 0: entries and tiles fit each other, but not the root that the checkpoint signs")
        need(not files, f"files that are no part of the ledger: {', '.join(files)}")
    except (Bad, ValueError, KeyError, TypeError, AttributeError, OSError, tarfile.TarError, RecursionError) as error:
        print(f"REFUSED: {error}")
        return 1
    key = "the key given" if options.key else "a key it names itself, which proves nothing about who wrote it"
    print(f"OK: {chosen}{size} entries, root {root.hex()}, signed by {key}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
