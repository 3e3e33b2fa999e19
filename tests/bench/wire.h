/* MQTT packets as bytes: what the load generator sends, and where a packet of the broker ends. */
#ifndef WIRE_H
#define WIRE_H

#include <stdint.h>
#include <string.h>

enum { CONNACK = 2, PUBLISH = 3, PUBACK = 4, PUBREC = 5, PUBREL = 6, PUBCOMP = 7, SUBACK = 9, DISCONNECT = 14 };
enum { MQTT_3_1_1 = 4, MQTT_5 = 5 };
enum { KEEP_ALIVE_S = 600, SESSION_EXPIRY_S = 3600 };

static inline int put_text(uint8_t *out, const char *text) {
    int bytes = (int)strlen(text);
    out[0] = (uint8_t)(bytes >> 8);
    out[1] = (uint8_t)bytes;
    memcpy(out + 2, text, (size_t)bytes);
    return bytes + 2;
}

static inline int put_length(uint8_t *out, int length) {
    int bytes = 0;
    do {
        uint8_t low = length & 127;
        length >>= 7;
        out[bytes++] = low | (length ? 128 : 0);
    } while (length);
    return bytes;
}

/* Fixed header and body; `out` has room for five bytes more than the body. */
static inline int put_packet(uint8_t *out, int first_byte, const uint8_t *body, int body_bytes) {
    out[0] = (uint8_t)first_byte;
    int head = 1 + put_length(out + 1, body_bytes);
    memcpy(out + head, body, (size_t)body_bytes);
    return head + body_bytes;
}

static inline int put_connect(uint8_t *out, const char *client_id, int version, int persistent) {
    uint8_t body[256];
    int bytes = put_text(body, "MQTT");
    body[bytes++] = (uint8_t)version;
    body[bytes++] = persistent ? 0 : 2;
    body[bytes++] = KEEP_ALIVE_S >> 8;
    body[bytes++] = KEEP_ALIVE_S & 255;
    if (version == MQTT_5) {
        uint8_t expiry[] = {5, 0x11, 0, 0, SESSION_EXPIRY_S >> 8, SESSION_EXPIRY_S & 255};
        if (!persistent) expiry[0] = 0;
        memcpy(body + bytes, expiry, persistent ? sizeof expiry : 1);
        bytes += persistent ? (int)sizeof expiry : 1;
    }
    bytes += put_text(body + bytes, client_id);
    return put_packet(out, 0x10, body, bytes);
}

/* Where the body of the packet at `at` begins, and its length; 0 when it is not whole yet. */
static inline int packet_body(const uint8_t *at, int available, int *length) {
    int value = 0;
    for (int i = 1, shift = 0; i < available && i < 5; i++, shift += 7) {
        value |= (at[i] & 127) << shift;
        if (!(at[i] & 128)) {
            *length = value;
            return i + 1 + value <= available ? i + 1 : 0;
        }
    }
    return 0;
}

#endif
