"""What SIP clients of others have written, as it was on the wire, but for names, addresses and the times of it.

With single line ends; :func:`tests.sip.samples.octets` makes datagrams of them.
"""

from __future__ import annotations

# baresip 1.0.0.  Its contact names a pointer; no charset; Accept says all that it takes.
BARESIP_REGISTER = """\
REGISTER sip:home.example;transport=udp SIP/2.0
Via: SIP/2.0/UDP 203.0.113.7:5062;branch=z9hG4bK6c3882665b912763;rport
Contact: <sip:ana-0x560e59393bb0@203.0.113.7:5062>;expires=600;\
+sip.instance="<urn:uuid:00000000-0000-4000-8000-000000026509>"
Max-Forwards: 70
Route: <sip:192.0.2.20:5060;transport=udp;lr>
To: <sip:ana@home.example>
From: "ana" <sip:ana@home.example>;tag=758d9ecbd3a67b25
Call-ID: eb30421061f6a707
CSeq: 29232 REGISTER
User-Agent: baresip v1.0.0 (x86_64/linux)
Allow: INVITE,ACK,BYE,CANCEL,OPTIONS,NOTIFY,SUBSCRIBE,INFO,MESSAGE,REFER
Content-Length: 0

"""
BARESIP_MESSAGE = """\
MESSAGE sip:ben*xmpp.example@x.sip.example SIP/2.0
Via: SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bKe45b03b4cadcd1db;rport
Max-Forwards: 70
Route: <sip:192.0.2.20:5060;transport=udp;lr>
To: <sip:ben*xmpp.example@x.sip.example>
From: <sip:ana@sip.example>;tag=ca3db922525a852d
Call-ID: cfb2b0215e50c722
CSeq: 12109 MESSAGE
User-Agent: baresip v1.0.0 (x86_64/linux)
Accept: text/plain
Content-Type: text/plain
Content-Length: 12

Gru\u0308\u00dfe \u2602"""
# No Accept; its dialog has the contact with the pointer as target.
BARESIP_SUBSCRIBE = """\
SUBSCRIBE sip:ben*xmpp.example@x.sip.example SIP/2.0
Via: SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bK13c8e1ff46aa2ae2;rport
Contact: <sip:ana-0x558efb334bb0@192.0.2.10:5060>
Max-Forwards: 70
Route: <sip:192.0.2.20:5060;transport=udp;lr>
To: <sip:ben*xmpp.example@x.sip.example>
From: <sip:ana@sip.example>;tag=5ba6d78d7300af0a
Call-ID: c588d9ee05218e8f
CSeq: 65258 SUBSCRIBE
User-Agent: baresip v1.0.0 (x86_64/linux)
Event: presence
Expires: 600
Supported: gruu
Content-Length: 0

"""

# liblinphone 5.1.65.  Requests without a body have no Content-Length over UDP; To has no brackets.
LINPHONE_REGISTER = """\
REGISTER sip:home.example SIP/2.0
Via: SIP/2.0/UDP 203.0.113.7:5062;branch=z9hG4bK.Z-q24fMA6;rport
From: "ana" <sip:ana@home.example>;tag=xg8J-nrA3
To: "ana" <sip:ana@home.example>
CSeq: 20 REGISTER
Call-ID: WX0LGl3s5t
Max-Forwards: 70
Supported: replaces, outbound, gruu
Accept: application/sdp
Accept: text/plain
Accept: application/vnd.gsma.rcs-ft-http+xml
Contact: "ana" <sip:ana@203.0.113.7:5062;transport=udp>;+sip.instance="<urn:uuid:a2ca67f8-baf3-0068-9088-7a2c99d9f14b>"
Expires: 600
User-Agent: Unknown

"""
LINPHONE_CPIM = """\
MESSAGE sip:ben*xmpp.example@x.sip.example SIP/2.0
Via: SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bK.6uGEybWTl;rport
From: <sip:ana@sip.example>;tag=e-cEwM-NX
To: sip:ben*xmpp.example@x.sip.example
CSeq: 20 MESSAGE
Call-ID: o7AUJ1pV~e
Max-Forwards: 70
Route: <sip:192.0.2.20:5060;transport=udp;lr>
Supported: replaces, outbound, gruu
Date: Sun, 01 Mar 2026 10:15:00 GMT
Content-Type: message/cpim
User-Agent: Unknown

From: <sip:ana@sip.example>\r
To: <sip:ben*xmpp.example@x.sip.example>\r
DateTime: 2026-03-01T10:15:00Z\r
NS: imdn <urn:ietf:params:imdn>\r
imdn.Message-ID: SnKplVKFiCDU\r
imdn.Disposition-Notification: positive-delivery, negative-delivery, display\r
\r
Content-Type: text/plain\r
Content-Length: 19\r
\r
Art thou not Romeo?"""
# The body is deflated; this is what it holds.
LINPHONE_IMDN = """\
MESSAGE sip:ben*xmpp.example@x.sip.example;gr=pc SIP/2.0
Via: SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bK.90-PFLB6i;rport
From: <sip:ana@sip.example>;tag=u3BZT6npx
To: <sip:ben*xmpp.example@x.sip.example;gr=pc>
CSeq: 20 MESSAGE
Call-ID: WyeDrr8CyG
Max-Forwards: 70
Supported: replaces, outbound, gruu
Date: Sun, 01 Mar 2026 10:15:00 GMT
Content-Encoding: deflate
Content-Type: message/imdn+xml
Priority: non-urgent
User-Agent: Unknown

"""
LINPHONE_IMDN_BODY = (
    '<?xml version="1.0" encoding="UTF-8" standalone="no" ?><imdn xmlns="urn:ietf:params:xml:ns:imdn"><message-id>'
    '1a1f905dfe0b2c3627c5ed81b99419f@iwf.test</message-id><datetime>2026-03-01T10:15:00Z</datetime><display-notification>'
    "<status><displayed/></status></display-notification></imdn>")
LINPHONE_COMPOSING = """\
MESSAGE sip:ben*xmpp.example@x.sip.example;gr=pc SIP/2.0
Via: SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bK.90XzEcgW6;rport
From: <sip:ana@sip.example>;tag=pQU2eX~C7
To: <sip:ben*xmpp.example@x.sip.example;gr=pc>
CSeq: 20 MESSAGE
Call-ID: AKiaNFqID4
Max-Forwards: 70
Supported: replaces, outbound, gruu
Date: Sun, 01 Mar 2026 10:00:00 GMT
Content-Type: application/im-iscomposing+xml
Content-Length: 170
Priority: non-urgent
Expires: 0
User-Agent: Unknown

<?xml version="1.0" encoding="UTF-8" standalone="no" ?>\
<isComposing xmlns="urn:ietf:params:xml:ns:im-iscomposing"><state>active</state><refresh>60</refresh></isComposing>"""

# SIP.js 0.21.2.  It knows no address of its own.
SIPJS_MESSAGE = """\
MESSAGE sip:ben*xmpp.example@x.sip.example SIP/2.0
Via: SIP/2.0/WS 476gbsknhn5n.invalid;branch=z9hG4bK4065624
To: <sip:ben*xmpp.example@x.sip.example>
From: <sip:ana@sip.example>;tag=dv9o1hvib1
CSeq: 1 MESSAGE
Call-ID: 08cjvbss66hpc8l9crnh
Max-Forwards: 70
Supported: outbound
User-Agent: SIP.js/0.21.1
Content-Type: text/plain
Content-Length: 7

Gr\u00fc\u00dfe"""
# JsSIP 3.13.8, on a request with a Call-ID that it believes to be its own; no Content-Length.
JSSIP_LOOP = """\
SIP/2.0 482 Loop Detected
Via: {via}
To: {to};tag=tb0rg011oc
From: {sender}
Call-ID: {call_id}
CSeq: {cseq}

"""

# sipsak 0.9.8.1.  No brackets anywhere.
SIPSAK_OPTIONS = """\
OPTIONS sip:192.0.2.20:5060 SIP/2.0
Via: SIP/2.0/UDP 192.0.2.10:36955;branch=z9hG4bK.10a3b7d9;rport;alias
From: sip:sipsak@192.0.2.10:36955;tag=1a74bb41
To: sip:192.0.2.20:5060
Call-ID: 443857729@192.0.2.10
CSeq: 1 OPTIONS
Contact: sip:sipsak@192.0.2.10:36955
Content-Length: 0
Max-Forwards: 70
User-Agent: sipsak 0.9.8.1
Accept: text/plain

"""
