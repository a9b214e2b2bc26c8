from __future__ import annotations
import pytest
from authproxy.secondfactor.roles import Role
from tests.panel.panelhost import PanelHost

PATHS = [
 "/admin/login?next=//[", "/admin/login?next=http://[x", "/admin/login?next=%00", "/admin/login?next=/admin/%0d%0aX:y",
 "/admin/logs/logins?behind=1:99999999999999999999", "/admin/logs/logins?behind=nan:1","/admin/logs/logins?behind=inf:1",
 "/admin/logs/telephony?behind=1:99999999999999999999","/admin/logs/administrators?behind=1:99999999999999999999",
 "/admin/users?page=999999", "/admin/users?text=%00%ff%ed%a0%80", "/admin/users/%ff%00", "/admin/users/%ed%a0%80",
 "/admin/messages?kind=%00&text=%ff", "/admin/messages/%00", "/admin/logs/logins/%00", "/admin/logs/logins/99999999999999999999999",
 "/admin/logs/logins?since=99999999999999999999&until=%00","/admin/logs/logins?from=9999-99-99&to=0000-00-00","/admin/logs/logins?from=9999-12-31T23:59&to=0001-01-01T00:00",
 "/admin/groups/%00","/admin/phones/%ff","/admin/tokens/99999999999999999999999","/admin/policies/99999999999999999999999","/admin/policies/%00",
 "/admin/policies/effective?user=%00&application=%ff","/admin/directories/99999999999999999999","/admin/directories/%00/runs/99999999999999999999",
 "/admin/search?text=%00%ff", "/admin/applications/%00", "/admin/administrators/%00", "/admin/users/export.%00","/admin/dashboard?days=99999999999999999","/admin/?days=99999999999999999999",
 "/admin/billing?month=9999999-01","/admin/codes?text=%00","/admin/bypass-codes?page=-1","/admin/enroll/%00","/status?x=%00","/admin/mail-texts/..%2f..%2f..%2fetc%2fpasswd","/admin/mail-texts/%00",
]

def routes():
    from authproxy.web.admin import app
    return app

@pytest.mark.parametrize("path", PATHS)
def test_get(panel, path):
    a = panel.browser().get(path)
    assert a.status < 500, (a.status, a.text)

def test_every_get_with_odd_ids(panel):
    from authproxy.web.admin.app import PAGES
    import re
    bad=[]
    browser = panel.browser()
    odd = ["%00","%ff","99999999999999999999999999","-1","%ed%a0%80","%25","..%2f..","A"*3000]
    qs = "?page=%00&text=%00&behind=1:99999999999999999999&from=%ff&to=%00&since=1e400&until=nan&user=%00&application=%ff&days=9999999999999&month=%00&group=%00&status=%00&sort=%00&next=//[&with=%00&type=%00&kind=%00&action=%00&actor=%00&name=%00&result=%00&factor=%00&at=99999999999999999999999&id=9999999999999999999999&cursor=%00"
    for p in PAGES:
        for o in odd:
            path = re.sub(r"\{[^}]*\}", o, p.path)
            a = browser.get(path+qs) if p.method=="GET" else None
            if a is not None and a.status>=500: bad.append((path, a.status))
            if "{" not in p.path: break
    assert not bad, bad

def test_every_post_with_odd_fields(panel):
    from authproxy.web.admin.app import PAGES
    import re
    bad=[]
    deep="["*100000
    names="name email phone role credential code kind status method username number type group allow text day from to value serial seed counter user application policy permission file uses seconds count expires valid next mark edition language password again section domain host port lockout_threshold sms_batch csrf2 id device ids token rows confirm credits amount at limit".split()
    for v in ["\x00", "99999999999999999999999999", "\udcff", "nan","1e400", "-1", deep]:
        browser = panel.browser()
        for p in PAGES:
            if p.method=="GET" or "logout" in p.path or "sessions" in p.path: continue
            if v is deep and "key" not in p.path and "credential" not in p.path: continue
            for o in ["%00","99999999999999999999999999"]:
                path = re.sub(r"\{[^}]*\}", o, p.path)
                try:
                    fields={n:v.encode("utf-8","surrogateescape") if False else v.encode("utf-8","surrogateescape").decode("latin-1") for n in (names if v is not deep else ["credential"])}
                    a = browser.post(path, fields)
                except Exception as e:
                    bad.append((path, v[:10], repr(e)[:80])); continue
                if a.status>=500: bad.append((path, v[:10], a.status))
                if "{" not in p.path: break
    assert not bad, bad
