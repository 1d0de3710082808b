/* A tunnel has no messages: bytes are moved as they come, and half-closes with them. */
#include "tunnel.h"

#include "conn.h"
#include "txn.h"
#include "upstream.h"

#include "stopgap/banned.h"

void tunnel_up(struct txn *txn)
{
    struct conn *conn = txn->conn;
    while (!piece_queue_is_empty(&conn->in)) {
        struct piece piece = *piece_queue_front(&conn->in);
        txn->bytes_in += piece.bytes.len;
        stream_send(conn->upstream->stream, piece);
        piece_queue_consume(&conn->in, piece.bytes.len);
    }
}

void tunnel_down(struct txn *txn)
{
    struct conn *conn = txn->conn;
    while (!piece_queue_is_empty(&conn->upstream->in)) {
        struct piece piece = *piece_queue_front(&conn->upstream->in);
        txn->bytes_out += piece.bytes.len;
        stream_send(conn->client, piece);
        piece_queue_consume(&conn->upstream->in, piece.bytes.len);
    }
}

enum step_result tunnel_upstream_ended(struct txn *txn)
{
    struct conn *conn = txn->conn;
    struct stream *upstream = conn->upstream->stream;
    if (!txn->ended_client)
        stream_end(conn->client);
    txn->ended_client = true;
    if (!conn->has_ended)
        return STEP_WAIT;
    if (!txn->ended_upstream)
        stream_end(upstream);
    txn->ended_upstream = true;
    if (stream_queued(upstream) != 0)
        return STEP_WAIT;
    conn_close(conn, END_OK, false);
    return STEP_OVER;
}
