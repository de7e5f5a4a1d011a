/* Macros as functions. */
#include "shim.h"

/* Makes a new value an object. */
void mc_bless(pMC_ SV *sv, HV *stash)
{
    SvUPGRADE(sv, SVt_PVMG);
    if (SvOBJECT(sv))
        SvREFCNT_dec((SV *)SvSTASH(sv));
    SvOBJECT_on(sv);
    SvSTASH_set(sv, (HV *)SvREFCNT_inc_simple_NN((SV *)stash));
}

/* A hash knows how many of its keys are only allowed, not there. */
void mc_add_placeholders(pMC_ HV *hash, int more)
{
    HvPLACEHOLDERS_set(hash, HvPLACEHOLDERS_get(hash) + more);
}

CV *mc_glob_sub(GV *glob)
{
    return isGV_with_GP((SV *)glob) ? GvCV(glob) : NULL;
}

SV *mc_glob_scalar(GV *glob)
{
    return isGV_with_GP((SV *)glob) ? GvSV(glob) : NULL;
}

/* Whether objects of the class can only be made by its own constructor (perl 5.38's class). */
int mc_is_class(pMC_ HV *stash)
{
#ifdef HvSTASH_IS_CLASS
    return HvSTASH_IS_CLASS(stash) ? 1 : 0;
#else
    PERL_UNUSED_ARG(stash);
    return 0;
#endif
}

const char *mc_stash_name(pMC_ HV *stash, STRLEN *len)
{
    const char *name = HvNAME_get(stash);
    *len = name ? (STRLEN)HvNAMELEN_get(stash) : 0;
    return name;
}

int mc_is_utf8(const char *bytes, STRLEN len)
{
    return is_utf8_string((const U8 *)bytes, len) ? 1 : 0;
}

int mc_is_tied(SV *sv, int how)
{
    dMAGIC;
    return SvRMAGICAL(sv) && mg_find(sv, how) ? 1 : 0;
}

/* What a tied variable or an element of one is tied to; an element has its key, or else its index. */
int mc_tied_to(SV *sv, int how, SV **object, SV **key, I32 *index)
{
    dMAGIC;
    MAGIC *mg = SvTYPE(sv) >= SVt_PVMG && SvMAGICAL(sv) ? mg_find(sv, how) : NULL;
    if (!mg)
        return 0;
    *object = mg->mg_obj;
    *key = mg->mg_len == HEf_SVKEY ? (SV *)mg->mg_ptr : NULL;
    *index = (I32)mg->mg_len;
    return 1;
}

/* Whether accessing sv does more than it says: any magic but what extensions keep there and weak references. */
int mc_is_active(SV *sv)
{
    MAGIC *mg;
    for (mg = SvMAGIC(sv); mg; mg = mg->mg_moremagic)
        if (mg->mg_type != PERL_MAGIC_ext && mg->mg_type != PERL_MAGIC_backref && mg->mg_type != PERL_MAGIC_rhash
            && !mc_is_watch(mg))
            return 1;
    return 0;
}

int mc_is_bool(SV *sv)
{
#ifdef SvIsBOOL
    dTHX;
    return SvIsBOOL(sv) ? 1 : 0;
#else
    PERL_UNUSED_ARG(sv);
    return 0;
#endif
}

SV *mc_undef(pMC)
{
    return &PL_sv_undef;
}

SV *mc_yes(pMC)
{
    return &PL_sv_yes;
}

SV *mc_no(pMC)
{
    return &PL_sv_no;
}

SV *mc_placeholder(pMC)
{
    return &PL_sv_placeholder;
}

int mc_is_regexp(pMC_ SV *sv)
{
    return SvRXOK(sv) ? 1 : 0;
}
