-- What wrk sends: an OWA-like GET of some 1.2 KB in which target, cookies and ids never repeat,
-- because a proxy that caches by subject (HAProxy's pattern cache) would look free otherwise.
-- Arguments behind "--": PATH WARMUP COUNT SEED. Prints "warm" and "done" when that many requests
-- were made; the reader of these lines takes the CPU time of the proxy between them.

local path, warmup, count, token = "/owa/bench", 0, 0, 0
local sent = 0

local head = table.concat({
  "Host: mail.example.com",
  "User-Agent: Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 " ..
    "(KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36",
  "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8",
  "Accept-Encoding: gzip, deflate, br",
  "Accept-Language: en-US,en;q=0.9,de;q=0.8",
  "Sec-Fetch-Site: same-origin",
  "Sec-Fetch-Mode: cors",
  "Sec-Fetch-Dest: empty",
  "X-Requested-With: XMLHttpRequest",
  "Referer: https://mail.example.com/owa/",
}, "\r\n")

-- What Exchange itself sets: base64 over the complement of "Database~guid~~date~domain~0".
local mailbox_cookie = "; X-BackEndCookie=user@example.com=" ..
  "u56Lnp2ejJqBzJvJmc+eys3SxpzOndLLmsib0seey8/Sys6dmsjIzc+cxpvJ" ..
  "gYHNz83J0s7O0s3Pq8/GxczPxc/PgZqHnpKPk5rRnJCSgc8="

-- A step of a 32-bit linear congruential generator, as eight hex digits.
local function hex()
  token = (token * 1664525 + 1013904223) % 4294967296
  return string.format("%08x", token)
end

function init(args)
  path = args[1]
  warmup = tonumber(args[2])
  count = tonumber(args[3])
  token = tonumber(args[4])
end

local function mark(word)
  io.write(word, "\n")
  io.flush()
end

function request()
  sent = sent + 1
  if sent == warmup then
    mark("warm")
  elseif sent == warmup + count then
    mark("done")
    wrk.thread:stop()
  end
  local a, b, c, d = hex(), hex(), hex(), hex()
  local long = a .. b .. c .. d
  return "GET " .. path .. "?action=GetItem&EP=1&ID=-" .. a .. "&AC=1&token=" .. long ..
    " HTTP/1.1\r\n" .. head ..
    "\r\nX-OWA-CANARY: " .. long .. b .. a .. "." ..
    "\r\nX-OWA-CorrelationId: " .. c .. "-7a11-4b6e-9c1f-" .. d .. "4e2a" ..
    "\r\nclient-request-id: " .. d .. "-12ab-4cd3-8ef0-" .. a .. "90bc" ..
    "\r\nCookie: ClientId=" .. long .. "; OIDC=1; X-OWA-JS-PSD=1; PrivateComputer=true; " ..
    "PBack=0; cadata=" .. string.rep(long, 4) .. "==; cadataTTL=" .. b .. "%2b" .. c .. "==; " ..
    "cadataKey=" .. string.rep(d .. a, 6) .. "%2f==; UC=" .. c .. d .. mailbox_cookie .. "\r\n\r\n"
end

function done(summary, latency)
  local errors = summary.errors
  mark(string.format(
    '{"requests": %d, "bytes": %d, "socket_errors": %d, "status_errors": %d, "p50_us": %d, ' ..
    '"p99_us": %d}', summary.requests, summary.bytes,
    errors.connect + errors.read + errors.write + errors.timeout, errors.status,
    latency:percentile(50), latency:percentile(99)))
end
